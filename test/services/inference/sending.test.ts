/** One call under one permit: written down before it is sent, the permit ended once whatever becomes of it. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import type { Refusal } from "../../../services/inference/backend.ts";
import { callBody } from "../../../services/inference/call.ts";
import type { Attempt } from "../../../services/inference/ledger/ledger.ts";
import type { ModelAnswer, ModelCall } from "../../../services/inference/model-client.ts";
import {
  type CallMade,
  needsOf,
  type Outgoing,
  type Sending,
  type SendingDeps,
  sendSingly,
} from "../../../services/inference/sending.ts";
import { JobTokens } from "../../../services/inference/streaming/job-tokens.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { MemoryAttempts } from "../../support/memory-attempts.ts";
import {
  answered,
  jobOf,
  LATENCY_MS,
  ledgerOn,
  OK,
  OpenBackend,
  PRICES,
  ScriptedModel,
  TIMEOUT_MS,
} from "./fixture.ts";

const NEVER = new AbortController().signal;

let clock: VirtualClock;
let store: MemoryAttempts;
let streamed: string[];
let called: CallMade[];
beforeEach(() => {
  clock = new VirtualClock();
  store = new MemoryAttempts();
  streamed = [];
  called = [];
});

async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const end = (): void => {
    done = true;
  };
  promise.then(end, end);
  assert.ok(await clock.run(() => done, START_MS + 3_600_000), "it ends");
  return promise;
}

async function attemptOf(job: JobHead, instance = "a"): Promise<Attempt> {
  const opened = await settled(ledgerOn(store, clock, { instance }).open(job, 0, NEVER));
  assert.ok(opened?.kind === "mine");
  return opened.attempt;
}

async function outgoingOf(body: object = {}, more: Partial<Outgoing> = {}): Promise<Outgoing> {
  const job = jobOf();
  return {
    job,
    attempt: await attemptOf(job),
    model: "m1",
    body: callBody(job, "m1", Buffer.from(JSON.stringify({ body: { messages: [], ...body } }))),
    source: { topic: "t", partition: 3 },
    until_ms: START_MS + 1_000,
    timeout_ms: TIMEOUT_MS,
    waiting: NEVER,
    cancelled: NEVER,
    avoid: new Set(),
    tokens: new JobTokens(() => ({
      start: ({ attempt, model, endpoint }) => void streamed.push(`start ${attempt} ${model} ${endpoint}`),
      token: () => void streamed.push("token"),
      end: () => assert.fail("the job is not over"),
    })),
    ...more,
  };
}

async function send(reply: ModelAnswer | ((call: ModelCall) => ModelAnswer), outgoing: Outgoing, refusal?: Refusal) {
  const model = new ScriptedModel(clock, [reply]);
  const backend = new OpenBackend(model);
  backend.refuse = () => refusal;
  const deps: SendingDeps = {
    backend,
    clock,
    prices: PRICES,
    response_bytes_max: 10_000,
    idle_ms: 5_000,
    called: (call) => called.push(call),
  };
  return { model, backend, sending: sendSingly(deps, outgoing) };
}

const verdictOf = ({ sent }: Sending) => (sent.kind === "judged" ? sent.verdict : assert.fail(sent.kind));
const entry = (): string => store.entry(jobOf());
const text = (content: string): string => JSON.stringify({ choices: [{ index: 0, delta: { content } }] });

describe("a call", () => {
  test("is in the ledger before the model hears of it, until its time-out is over", async () => {
    let written = "";
    const { sending } = await send(
      () => {
        written = entry();
        return OK;
      },
      await outgoingOf(),
    );
    await settled(sending);
    assert.equal(written, `D a.1 1 0 ${START_MS + TIMEOUT_MS}`);
  });

  test("that succeeds ends its permit with what it used", async () => {
    const limits = { remaining_requests: 4 };
    const { sending, backend } = await send({ ...OK, limits } as ModelAnswer, await outgoingOf());
    const { sent, waited_ms } = await settled(sending);
    assert.deepEqual(waited_ms, {});
    assert.deepEqual(sent.kind === "judged" && [sent.endpoint, sent.dispatched_ms], ["e1", START_MS]);
    assert.deepEqual(backend.ends, [[{ end: "answered", latency_ms: LATENCY_MS, tokens: 5, limits }]]);
    assert.deepEqual(
      called.map(({ outcome, latency_ms }) => [outcome, latency_ms]),
      [["succeeded", LATENCY_MS]],
    );
  });

  test("tells how far its prompt's estimate was from what the provider counted", async () => {
    const outgoing = await outgoingOf();
    await settled((await send(OK, outgoing)).sending);
    assert.deepEqual(called[0]?.prompt_tokens, { estimated: outgoing.body.prompt_tokens, given: 3 });
  });

  test("whose usage is an estimate itself says nothing of that", async () => {
    const bare = answered(200, JSON.stringify({ choices: [] }));
    await settled((await send(bare, await outgoingOf())).sending);
    assert.deepEqual(
      called.map(({ prompt_tokens }) => prompt_tokens),
      [undefined],
    );
  });

  const rows: readonly (readonly [answer: ModelAnswer, report: object])[] = [
    [answered(429, "{}", 700), { end: "overloaded", retry_after_ms: 700 }],
    [answered(503, "{}", 50), { end: "failed", retry_after_ms: 50 }],
    [answered(401, "{}"), { end: "key_refused" }],
    [answered(400, "{}"), { end: "answered" }],
    [answered(200, "garbage"), { end: "failed" }],
    [{ kind: "timeout" }, { end: "failed" }],
    [{ kind: "aborted" }, { end: "aborted" }],
  ];
  for (const [answer, report] of rows) {
    const what = answer.kind === "answered" ? `${answer.status} ${answer.body.toString()}` : answer.kind;
    test(`that fails with ${what} ends its permit once, and says how`, async () => {
      const { sending, backend } = await send(answer, await outgoingOf());
      assert.equal(verdictOf(await settled(sending)).kind, "failed");
      assert.deepEqual(backend.ends, [[{ latency_ms: LATENCY_MS, ...report }]]);
    });
  }

  test("that throws ends its permit, and the bug is not hidden", async () => {
    const { sending, backend } = await send(
      () => {
        throw new RangeError("a bug");
      },
      await outgoingOf(),
    );
    await assert.rejects(settled(sending), RangeError);
    assert.deepEqual(backend.ends, [[undefined]]);
  });

  test("of a job that another run has taken is not made; its permit was not used", async () => {
    const outgoing = await outgoingOf();
    store.set(jobOf(), "R b.1 0 0 9");
    const { sending, backend, model } = await send(OK, outgoing);
    assert.deepEqual(await settled(sending), { sent: { kind: "fenced" }, waited_ms: {} });
    assert.deepEqual([backend.ends, model.calls, called], [[[undefined]], [], []]);
  });

  test("that gets no permit is not made, and says what it waited for", async () => {
    const refusal = { kind: "refused", reason: "breaker", waited_ms: { breaker: 1_000 } } as const;
    const { sending, backend, model } = await send(OK, await outgoingOf(), refusal);
    const { sent, waited_ms } = await settled(sending);
    assert.deepEqual([sent.kind, waited_ms, model.calls], ["refused", { breaker: 1_000 }, []]);
    assert.deepEqual([backend.ends, entry().startsWith("R ")], [[], true]);
  });

  test("has the time that the deadline leaves when it goes out", async () => {
    const job = jobOf({ deadline_ms: START_MS + 700 });
    const { sending, model } = await send(OK, await outgoingOf({}, { job }));
    await settled(sending);
    assert.equal(model.calls[0]?.timeout_ms, 700);
    assert.match(store.swaps.at(-1)?.next.toString() ?? "", new RegExp(` ${START_MS + 700}$`));
  });

  test("is given up when nobody wants it any more", async () => {
    const cancelled = new AbortController();
    const { sending, backend } = await send(OK, await outgoingOf({}, { cancelled: cancelled.signal }));
    clock.after(10, () => cancelled.abort());
    const verdict = verdictOf(await settled(sending));
    assert.deepEqual([verdict.kind === "failed" && verdict.outcome, clock.now_ms()], ["cancelled", START_MS + 10]);
    assert.deepEqual(backend.ends, [[{ end: "aborted", latency_ms: 10 }]]);
  });
});

describe("a streamed call", () => {
  const STREAM = { stream: true };

  test("tells its tokens as they come, under its number, and its first one's time", async () => {
    const { sending, model } = await send(
      (call) => {
        call.onEvent?.(text("hel"));
        call.onEvent?.(JSON.stringify({ choices: [{ index: 0, delta: { content: "lo" }, finish_reason: "stop" }] }));
        call.onEvent?.(JSON.stringify({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 2 } }));
        return answered(200, "");
      },
      await outgoingOf(STREAM),
    );
    const { sent } = await settled(sending);
    assert.deepEqual(streamed, ["start 1 m1 e1", "token", "token", "token"]);
    assert.ok(sent.kind === "judged" && sent.verdict.kind === "succeeded");
    assert.equal(sent.first_token_ms, START_MS + LATENCY_MS);
    assert.deepEqual([sent.verdict.usage.prompt_tokens, sent.verdict.usage.estimated], [9, false]);
    assert.match(sent.verdict.response.toString(), /"hello"/);
    assert.equal(model.calls[0]?.idle_ms, 5_000);
  });

  test("that breaks is settled by what was received, and the endpoint's limit with it", async () => {
    const { sending, backend } = await send(
      (call) => {
        call.onEvent?.(text("x".repeat(40)));
        return { kind: "broken", message: "reset" };
      },
      await outgoingOf(STREAM),
    );
    const verdict = verdictOf(await settled(sending));
    assert.ok(verdict.kind === "failed" && verdict.outcome === "broken stream");
    assert.deepEqual([verdict.usage?.completion_tokens, verdict.usage?.estimated], [10, true]);
    const tokens = (verdict.usage?.prompt_tokens ?? 0) + 10;
    assert.deepEqual(backend.ends, [[{ end: "failed", latency_ms: LATENCY_MS, tokens }]]);
  });

  test("that is cancelled is settled by what was received", async () => {
    const { sending } = await send(
      (call) => {
        call.onEvent?.(text("x".repeat(40)));
        return { kind: "aborted" };
      },
      await outgoingOf(STREAM),
    );
    const verdict = verdictOf(await settled(sending));
    assert.ok(verdict.kind === "failed" && verdict.outcome === "cancelled");
    assert.equal(verdict.usage?.completion_tokens, 10);
  });

  test("that fails before its first token costs nothing", async () => {
    const { sending } = await send({ kind: "timeout" }, await outgoingOf(STREAM));
    const verdict = verdictOf(await settled(sending));
    assert.ok(verdict.kind === "failed" && verdict.outcome === "time-out");
    assert.equal(verdict.usage, undefined);
  });
});

describe("what a permit is asked for", () => {
  test("is one request with the tokens of all, until the first one's time is over, where none of them failed", async () => {
    const one = await outgoingOf({ max_tokens: 100 }, { avoid: new Set(["e1"]), until_ms: START_MS + 9 });
    const needs = needsOf([one, { ...one, avoid: new Set(["e2"]), until_ms: START_MS + 5 }]);
    assert.deepEqual([needs.requests, needs.tokens, needs.until_ms], [1, 2 * one.body.tokens, START_MS + 5]);
    assert.deepEqual([[...needs.avoid], needs.source], [["e1", "e2"], { topic: "t", partition: 3 }]);
  });

  test("is given up with the service; by a cancelled request only when it is alone", async () => {
    const waiting = new AbortController();
    const cancelled = new AbortController();
    const one = await outgoingOf({}, { waiting: waiting.signal, cancelled: cancelled.signal });
    const alone = needsOf([one]).signal;
    const together = needsOf([one, one]).signal;
    cancelled.abort();
    assert.deepEqual([alone.aborted, together.aborted], [true, false]);
    waiting.abort();
    assert.equal(together.aborted, true);
  });
});
