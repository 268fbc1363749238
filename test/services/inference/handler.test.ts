/** Inference on ports in memory and virtual time: attempts, waits, deadlines. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { priceOf } from "../../../libs/shared/money.ts";
import { createInferenceHandler } from "../../../services/inference/handler.ts";
import type { ModelAnswer, ModelCall } from "../../../services/inference/model-client.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { DEAD_LETTERS, hopRecord, inRecord, jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";

const OK: ModelAnswer = {
  kind: "answered",
  status: 200,
  body: Buffer.from('{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}'),
};
const status = (code: number, retry_after_ms?: number): ModelAnswer => ({
  kind: "answered",
  status: code,
  body: Buffer.from("{}"),
  ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
});
const RETRY = { base_ms: 100, cap_ms: 2_000 };
const LATENCY_MS = 50;
const TIMEOUT_MS = 10_000;

/** Runs one job against a model that gives these answers, the last one again and again. */
async function run(answers: readonly ModelAnswer[], more: Partial<JobHead> = {}, random = 0.5) {
  const clock = new VirtualClock();
  const start_ms = clock.now_ms();
  const publisher = new MemoryPublisher();
  const calls: (ModelCall & { readonly at_ms: number })[] = [];
  const called: string[] = [];
  const handler = createInferenceHandler({
    codec: jsonCodec,
    publisher,
    clock,
    random: () => random,
    names: NAMES,
    dead_letters: DEAD_LETTERS,
    model: {
      call(call) {
        const answer = answers[Math.min(calls.length, answers.length - 1)] as ModelAnswer;
        calls.push({ ...call, at_ms: clock.now_ms() - start_ms });
        return new Promise((resolve) => clock.after(LATENCY_MS, () => resolve(answer)));
      },
    },
    prices: { version: "v", priceOf: () => priceOf({ input_usd_per_mtok: 1, output_usd_per_mtok: 1 }) },
    attempts_max: 4,
    retry: RETRY,
    timeout_ms: TIMEOUT_MS,
    called: (code) => called.push(code),
  });
  const head: JobHead = {
    id: "r1",
    tenant: "demo",
    content_hash: "h",
    kind: "chat",
    lane: "interactive",
    timing: { received: 1 },
    route: { tier: "small", model: "m", reason: "", cache: "miss", attempts: 0 },
    ...(more.deadline_ms === undefined ? more : { ...more, deadline_ms: start_ms + more.deadline_ms }),
  };
  const request = Buffer.from('{"tenant":"demo","body":{"messages":[]}}');
  const record = hopRecord(head, "request", request, { headers: { traceparent: "t" } });
  let done = false;
  const handled = handler([record], { isAssigned: () => true, stopping: new AbortController().signal }).finally(() => {
    done = true;
  });
  await clock.run(() => done, start_ms + 3_600_000);
  await handled;
  const [outcome] = publisher.values(NAMES.outcomes);
  assert.ok(outcome);
  assert.equal(publisher.records.length, 1);
  assert.equal(publisher.records[0]?.headers?.["traceparent"], "t");
  const { error, route, timing } = outcome as { error?: { code: string }; route: { attempts: number }; timing: object };
  return { outcome, status: outcome["status"], code: error?.code, attempts: route.attempts, timing, calls, called };
}

describe("a job", () => {
  test("that succeeds at once is one call with its own id", async () => {
    const { status: ended, attempts, calls, called, outcome } = await run([OK]);
    assert.deepEqual([ended, attempts, called], ["succeeded", 1, ["succeeded"]]);
    assert.deepEqual([calls[0]?.id, calls[0]?.path, calls[0]?.timeout_ms], ["r1", "/chat/completions", TIMEOUT_MS]);
    assert.deepEqual(outcome["response"], JSON.parse(OK.kind === "answered" ? OK.body.toString() : ""));
  });

  test("is tried again while the failure may pass, and counts every call", async () => {
    const { status: ended, attempts, called, calls } = await run([status(500), { kind: "timeout" }, OK]);
    assert.deepEqual([ended, attempts], ["succeeded", 3]);
    assert.deepEqual(called, ["provider_error", "provider_timeout", "succeeded"]);
    // Half of 100 ms, then half of 200 ms, after each answer.
    assert.deepEqual(
      calls.map(({ at_ms }) => at_ms),
      [0, LATENCY_MS + 50, 2 * LATENCY_MS + 150],
    );
  });

  test("fails with the last failure when its attempts are used up", async () => {
    const { status: ended, code, attempts, calls } = await run([status(500), status(500), status(500), status(429)]);
    assert.deepEqual([ended, code, attempts, calls.length], ["failed", "provider_rate_limited", 4, 4]);
  });

  for (const [refusal, code] of [
    [400, "provider_rejected"],
    [401, "provider_auth"],
  ] as const) {
    test(`is not tried again after ${refusal}`, async () => {
      const { status: ended, code: found, calls } = await run([status(refusal), OK]);
      assert.deepEqual([ended, found, calls.length], ["failed", code, 1]);
    });
  }

  test("comes back when the provider says so, not earlier", async () => {
    const { calls } = await run([status(429, 1_500), OK]);
    assert.equal(calls[1]?.at_ms, LATENCY_MS + 1_500);
  });

  test("waits no longer than the settings allow, whatever the provider says", async () => {
    const { calls } = await run([status(429, 86_400_000), OK]);
    assert.equal(calls[1]?.at_ms, LATENCY_MS + RETRY.cap_ms);
  });

  test("whose deadline has passed is never sent", async () => {
    const { status: ended, code, attempts, calls } = await run([OK], { deadline_ms: 0 });
    assert.deepEqual([ended, code, attempts, calls.length], ["expired", "deadline_exceeded", 0, 0]);
  });

  test("whose deadline passes between attempts expires", async () => {
    const { status: ended, code, attempts } = await run([status(500)], { deadline_ms: LATENCY_MS + 20 });
    assert.deepEqual([ended, code, attempts], ["expired", "deadline_exceeded", 1]);
  });

  test("gives the model no more time than its deadline leaves", async () => {
    const { calls } = await run([OK], { deadline_ms: 300 });
    assert.equal(calls[0]?.timeout_ms, 300);
  });

  test("keeps its times in order", async () => {
    const { timing } = await run([status(500), OK]);
    const { received, dispatched, completed } = timing as { received: number; dispatched: number; completed: number };
    assert.ok(received < dispatched && dispatched < completed);
  });
});

describe("an event that is none of ours", () => {
  const rows: readonly (readonly [what: string, value: object | string, code: string])[] = [
    ["no JSON", "hello", "not_json"],
    ["broken JSON", "{", "not_json"],
    ["another shape", { request: {} }, "event_invalid"],
  ];
  for (const [what, value, code] of rows) {
    test(`${what} is a dead letter: ${code}`, async () => {
      const publisher = new MemoryPublisher();
      const record = inRecord(value);
      const handler = createInferenceHandler({
        codec: jsonCodec,
        publisher,
        dead_letters: DEAD_LETTERS,
        names: NAMES,
      } as never);
      await handler([record], { isAssigned: () => true, stopping: new AbortController().signal });
      const [letter] = publisher.records;
      assert.deepEqual([letter?.topic, letter?.headers?.["sluice-error-code"]], [NAMES.dlq, code]);
      assert.equal(letter?.value, record.value);
    });
  }
});
