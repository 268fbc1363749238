/** A streamed call: what it gives back however it ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ModelAnswer, ModelCall, ModelClient } from "../../../../services/inference/model-client.ts";
import { type StreamedCall, streamCall } from "../../../../services/inference/streaming/stream-call.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const DONE: ModelAnswer = { kind: "answered", status: 200, body: Buffer.alloc(0), limits: { remaining_requests: 1 } };
const CUT: ModelAnswer = { kind: "broken", message: "cut" };
const chunk = (content: string, finish_reason: string | null = null): string =>
  JSON.stringify({ id: "c", created: 7, model: "m", choices: [{ index: 0, delta: { content }, finish_reason }] });
const ROLE = chunk("");
const USAGE = JSON.stringify({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } });

/** A provider that says so and ends so; 10 ms before each event. */
async function run(events: readonly string[], end: ModelAnswer, more: Partial<StreamedCall> = {}) {
  const clock = new VirtualClock();
  const calls: ModelCall[] = [];
  const told: string[] = [];
  const client: ModelClient = {
    async call(call) {
      calls.push(call);
      for (const data of events) {
        clock.after(10, () => call.onEvent?.(data));
        await clock.run(() => false, clock.now_ms() + 10);
        if (call.signal?.aborted) return { kind: "aborted" };
      }
      return end;
    },
  };
  const streamed = await streamCall(
    client,
    { ...{ path: "/x", body: Buffer.from("{}"), timeout_ms: 1, id: "r1", response_bytes_max: 1_000 }, ...more },
    { token: (data) => void told.push(data) },
    clock,
  );
  return { ...streamed, told, calls };
}

const bodyOf = (answer: ModelAnswer) =>
  answer.kind === "answered"
    ? (JSON.parse(answer.body.toString()) as { choices: unknown; usage?: unknown })
    : undefined;

describe("a streamed call", () => {
  test("gives the whole answer, when its first token came, and tells every chunk", async () => {
    const events = [ROLE, chunk("Hel"), chunk("lo", "stop"), USAGE];
    const { answer, first_token_ms, received, complete, told, calls } = await run(events, DONE, { idle_ms: 5 });
    assert.deepEqual(bodyOf(answer), {
      ...{ id: "c", object: "chat.completion", created: 7, model: "m" },
      choices: [
        {
          ...{ index: 0, message: { role: "assistant", content: "Hello" } },
          ...{ logprobs: null, finish_reason: "stop" },
        },
      ],
      usage: { prompt_tokens: 3, completion_tokens: 2 },
    });
    assert.deepEqual(answer.kind === "answered" && answer.limits, { remaining_requests: 1 });
    assert.deepEqual([first_token_ms, received, complete], [START_MS + 20, { chars: 5, chunks: 2 }, true]);
    assert.deepEqual(told, events);
    assert.deepEqual([calls[0]?.path, calls[0]?.idle_ms, calls[0]?.id], ["/x", 5, "r1"]);
  });

  for (const [what, end] of [
    ["cut", CUT],
    ["silent", { kind: "timeout" }],
    ["reset", { kind: "unreachable", message: "reset", sent: true }],
  ] as const) {
    test(`that is ${what} after a token is broken, and says what came`, async () => {
      const { answer, received, complete, first_token_ms } = await run([ROLE, chunk("Hel")], end);
      assert.equal(answer.kind, "broken");
      assert.deepEqual([received, complete, first_token_ms], [{ chars: 3, chunks: 1 }, false, START_MS + 20]);
    });

    test(`that is ${what} when all was said is whole`, async () => {
      const { answer, complete } = await run([chunk("Hello", "stop")], end);
      assert.deepEqual([answer.kind, complete, bodyOf(answer)?.usage], ["answered", true, undefined]);
      // Of two choices one is missing.
      assert.equal((await run([chunk("Hello", "stop")], end, { choices: 2 })).answer.kind, "broken");
    });

    test(`that is ${what} before a token is a failure like any other`, async () => {
      const { answer, received, first_token_ms } = await run([ROLE], end);
      const like = what === "cut" ? { kind: "unreachable", message: "cut", sent: true } : end;
      assert.deepEqual([answer, received, first_token_ms], [like, { chars: 0, chunks: 0 }, undefined]);
    });
  }

  test("that the provider refuses, or answers whole, is passed on", async () => {
    const refused: ModelAnswer = { kind: "answered", status: 429, body: Buffer.from("{}"), retry_after_ms: 5 };
    assert.deepEqual((await run([], refused)).answer, refused);
    const whole: ModelAnswer = { kind: "answered", status: 200, body: Buffer.from('{"choices":[]}') };
    const { answer, complete } = await run([], whole);
    assert.deepEqual([answer, complete], [whole, true]);
  });

  test("that ends without an answer has a body that nobody can use", async () => {
    const { answer, complete } = await run([], DONE);
    assert.deepEqual([answer.kind === "answered" && answer.body.length, complete], [0, false]);
  });

  test("in which the provider tells of an error fails with its status, or breaks", async () => {
    const error = JSON.stringify({ error: { message: "slow down", code: 429 } });
    const { answer, told } = await run([ROLE, error, chunk("x")], DONE);
    assert.deepEqual(answer, { kind: "answered", status: 429, body: Buffer.from(error) });
    assert.deepEqual(told, [ROLE]);
    const unknown = await run([JSON.stringify({ error: "oh" })], DONE);
    assert.equal(unknown.answer.kind === "answered" && unknown.answer.status, 500);
    assert.deepEqual((await run([chunk("x"), error], DONE)).answer, { kind: "broken", message: "slow down" });
  });

  test("that says what is no chunk is garbage, or breaks", async () => {
    for (const garbage of ["{", "7", "null", `${'{"a":'.repeat(200)}1${"}".repeat(200)}`]) {
      const { answer, told } = await run([garbage, chunk("x")], DONE);
      assert.deepEqual([answer.kind === "answered" && answer.status, told], [200, []]);
      assert.equal((await run([chunk("x"), garbage], DONE)).answer.kind, "broken");
    }
  });

  test("is given up by its caller's signal; what came is known", async () => {
    const controller = new AbortController();
    controller.abort();
    const { answer, received } = await run([chunk("x"), chunk("y")], DONE, { signal: controller.signal });
    assert.deepEqual([answer, received], [{ kind: "aborted" }, { chars: 1, chunks: 1 }]);
  });

  test("whose answer grows too large is given up, text or log probabilities", async () => {
    const large: ModelAnswer = { kind: "too_large", bytes_max: 1_000 };
    const text = await run(
      Array.from({ length: 30 }, () => chunk("x".repeat(100))),
      DONE,
    );
    assert.deepEqual([text.answer, text.told.length], [large, 11]);
    const logprobs = { content: [{ token: "x".repeat(600) }] };
    const heavy = JSON.stringify({ choices: [{ delta: { content: "x" }, logprobs }] });
    assert.deepEqual((await run([heavy, heavy, heavy], DONE)).answer, large);
    assert.deepEqual((await run([chunk("\u0000".repeat(900))], DONE)).answer, large);
  });
});
