/** One job's attempts within the process: when it is called again, where, after what wait, and when it is over. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { type AttemptsDeps, type AttemptsEnd, runAttempts } from "../../../services/inference/attempts.ts";
import type { WaitReason } from "../../../services/inference/backend.ts";
import type { ModelAnswer } from "../../../services/inference/model-client.ts";
import { sendSingly } from "../../../services/inference/sending.ts";
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
  RETRY,
  ScriptedModel,
  TIMEOUT_MS,
} from "./fixture.ts";

const ERROR = answered(500, "{}");
const TIMEOUT: ModelAnswer = { kind: "timeout" };

type Options = Partial<Omit<AttemptsDeps, "clock" | "send">> & {
  readonly job?: Partial<JobHead>;
  /** Called before the run, to let things happen during it. */
  readonly meanwhile?: (world: ReturnType<typeof setUp>) => unknown;
};

function setUp(replies: readonly ModelAnswer[]) {
  const clock = new VirtualClock();
  const model = new ScriptedModel(clock, replies);
  return {
    clock,
    model,
    backend: new OpenBackend(model),
    store: new MemoryAttempts(),
    stopping: new AbortController(),
    cancelled: new AbortController(),
    called: [] as string[],
  };
}

/** `deadline_ms` counts from the start. */
async function run(replies: readonly ModelAnswer[], { job = {}, meanwhile, ...options }: Options = {}) {
  const world = setUp(replies);
  const { clock, backend, store, model, stopping, cancelled, called } = world;
  meanwhile?.(world);
  const deadline = job.deadline_ms === undefined ? {} : { deadline_ms: START_MS + job.deadline_ms };
  const head = jobOf({ ...job, ...deadline });
  const sending = { backend, clock, prices: PRICES, response_bytes_max: 10_000, idle_ms: 5_000 };
  const deps: AttemptsDeps = {
    clock,
    random: () => 0.5,
    send: (outgoing) => sendSingly({ ...sending, called: ({ outcome }) => called.push(outcome) }, outgoing),
    models: ["m1"],
    has_other_keys: false,
    attempts_max: 4,
    retry: RETRY,
    timeout_ms: TIMEOUT_MS,
    on_unknown: "retry",
    ...options,
  };
  const opened = await ledgerOn(store, clock).open(head, 0, stopping.signal);
  assert.ok(opened?.kind === "mine");
  const { attempt } = opened;
  let done = false;
  const ended = runAttempts(deps, {
    job: head,
    request: Buffer.from('{"body":{"messages":[]}}'),
    attempt,
    source: { topic: "t", partition: 0 },
    stopping: stopping.signal,
    cancelled: cancelled.signal,
    tokens: new JobTokens(() => assert.fail("no stream is wanted")),
  }).finally(() => {
    done = true;
  });
  assert.ok(await clock.run(() => done, START_MS + 86_400_000), "it ends");
  const end: AttemptsEnd = await ended;
  const verdict = end.kind === "judged" ? end.verdict : undefined;
  const code = verdict?.kind === "failed" ? verdict.error.code : verdict?.kind;
  const at_ms = model.calls.map((call) => call.at_ms - START_MS);
  return { ...world, end, code, attempts: attempt.calls, calls: model.calls, at_ms };
}

const modelsOf = (calls: readonly { readonly body: Buffer }[]): string[] =>
  calls.map(({ body }) => (JSON.parse(body.toString()) as { model: string }).model);

describe("a job", () => {
  test("that succeeds at once is one call with its own id", async () => {
    const { end, attempts, calls, called } = await run([OK]);
    assert.ok(end.kind === "judged");
    assert.deepEqual([end.verdict.kind, end.model, end.endpoint, attempts], ["succeeded", "m1", "e1", 1]);
    assert.deepEqual([calls[0]?.id, calls[0]?.path, calls[0]?.timeout_ms], ["r1", "/chat/completions", TIMEOUT_MS]);
    assert.deepEqual(called, ["succeeded"]);
  });

  test("is tried again while the failure may pass, and counts every call", async () => {
    const { code, attempts, called, at_ms, end } = await run([ERROR, TIMEOUT, OK]);
    assert.deepEqual([code, attempts], ["succeeded", 3]);
    assert.deepEqual(called, ["provider_error", "provider_timeout", "succeeded"]);
    // Half of 100 ms, then half of 200 ms, after each answer.
    assert.deepEqual(at_ms, [0, LATENCY_MS + 50, 2 * LATENCY_MS + 150]);
    assert.equal(end.kind === "judged" && end.dispatched_ms, START_MS, "its first call began then");
    const common = { tier: "small", model: "m1", endpoint: "e1", duration_ms: LATENCY_MS };
    const [first, second, last] = (end.kind === "judged" ? end.attempts : undefined) ?? [];
    assert.deepEqual(first, { ...common, at_ms: START_MS, outcome: "provider_error", status: 500, waited_ms: 0 });
    assert.deepEqual([second?.outcome, second?.waited_ms, second?.status], ["provider_timeout", 50, undefined]);
    const { cost_usd, ...ok } = last ?? {};
    assert.deepEqual(ok, { ...common, at_ms: START_MS + 2 * LATENCY_MS + 150, outcome: "ok", waited_ms: 100 });
    assert.ok((cost_usd ?? 0) > 0);
  });

  test("fails with the last failure when its attempts are used up", async () => {
    const { code, attempts, calls } = await run([ERROR, ERROR, ERROR, answered(429, "{}")]);
    assert.deepEqual([code, attempts, calls.length], ["provider_rate_limited", 4, 4]);
  });

  for (const [refusal, code] of [
    [answered(400, "{}"), "provider_rejected"],
    [answered(401, "{}"), "provider_auth"],
    [answered(404, "{}"), "provider_rejected"],
    [{ kind: "too_large", bytes_max: 9 }, "provider_response_too_large"],
    [{ kind: "broken", message: "reset" }, "provider_stream_broken"],
  ] as const) {
    test(`is not tried again after ${code}${refusal.kind === "answered" ? ` (${refusal.status})` : ""}`, async () => {
      const { code: found, calls } = await run([refusal, OK]);
      assert.deepEqual([found, calls.length], [code, 1]);
    });
  }
});

describe("the wait between two calls", () => {
  test("is as long as the provider asks for, not shorter", async () => {
    const { at_ms, end } = await run([answered(429, "{}", 1_500), OK]);
    assert.equal(at_ms[1], LATENCY_MS + 1_500);
    assert.deepEqual(end.kind === "judged" && end.waited_ms, { limit: 1_500 }, "and is told");
  });

  test("is no longer than the settings allow, whatever the provider says", async () => {
    assert.equal((await run([answered(429, "{}", 86_400_000), OK])).at_ms[1], LATENCY_MS + RETRY.cap_ms);
  });

  test("is jittered in full: from nothing to the ceiling, which doubles", async () => {
    assert.deepEqual((await run([ERROR, ERROR, OK], { random: () => 0 })).at_ms, [0, 50, 100]);
    assert.deepEqual((await run([ERROR, ERROR, OK], { random: () => 0.99 })).at_ms, [0, 149, 397]);
  });

  test("ends with the service", async () => {
    const { end, clock, store } = await run([ERROR, OK], {
      meanwhile: ({ clock: time, stopping }) => time.after(LATENCY_MS + 10, () => stopping.abort()),
    });
    assert.deepEqual([end.kind, clock.now_ms()], ["stopping", START_MS + LATENCY_MS + 10]);
    assert.match(store.swaps.at(-1)?.next.toString() ?? "", /^R a\.1 1 0 /, "nothing is under way");
  });

  test("ends when the request is cancelled", async () => {
    const { code, clock } = await run([ERROR, OK], {
      meanwhile: ({ clock: time, cancelled }) => time.after(LATENCY_MS + 10, () => cancelled.abort()),
    });
    assert.deepEqual([code, clock.now_ms()], ["cancelled", START_MS + LATENCY_MS + 10]);
  });
});

describe("the next place to call", () => {
  test("is another endpoint where there is one", async () => {
    const { backend } = await run([ERROR, ERROR, OK], {
      meanwhile: ({ backend: pool }) => {
        pool.refuse = () => {
          pool.endpoint = `e${pool.asked.length}`;
          return undefined;
        };
      },
    });
    assert.deepEqual([...(backend.asked.at(-1)?.avoid ?? [])], ["e1", "e2"]);
  });

  test("is another key at once, where there is one", async () => {
    const { code, at_ms } = await run([answered(401, "{}"), OK], { has_other_keys: true });
    assert.deepEqual([code, at_ms], ["succeeded", [0, LATENCY_MS]]);
  });

  test("is the tier's next model at once when one is not there, and the end when none is", async () => {
    const models = ["m1", "m2"];
    const found = await run([answered(404, "{}"), OK], { models });
    assert.deepEqual(
      [modelsOf(found.calls), found.at_ms],
      [
        ["m1", "m2"],
        [0, LATENCY_MS],
      ],
    );
    assert.equal(found.end.kind === "judged" && found.end.model, "m2");
    const none = await run([answered(404, "{}")], { models });
    assert.deepEqual([none.code, modelsOf(none.calls)], ["provider_rejected", models]);
  });

  test("counts as an attempt wherever it is", async () => {
    const { calls, code } = await run([answered(401, "{}")], { has_other_keys: true });
    assert.deepEqual([calls.length, code], [4, "provider_auth"]);
  });
});

describe("a deadline", () => {
  test("that has passed: nothing is sent", async () => {
    const { code, attempts } = await run([OK], { job: { deadline_ms: 0 } });
    assert.deepEqual([code, attempts], ["deadline_exceeded", 0]);
  });

  test("that passes between attempts ends them, then and no later", async () => {
    const deadline_ms = LATENCY_MS + 20;
    const retry = { base_ms: 1_000, cap_ms: 5_000 };
    const { code, attempts, clock } = await run([ERROR], { job: { deadline_ms }, retry });
    assert.deepEqual([code, attempts, clock.now_ms()], ["deadline_exceeded", 1, START_MS + deadline_ms]);
  });

  test("leaves the model no more time than it leaves us, counted from when the call is sent", async () => {
    assert.equal((await run([OK], { job: { deadline_ms: 300 } })).calls[0]?.timeout_ms, 300);
    const waited = await run([OK], {
      job: { deadline_ms: 300 },
      meanwhile: ({ backend, clock }) => {
        backend.refuse = () => new Promise((resolve) => clock.after(200, () => resolve(undefined)));
      },
    });
    assert.equal(waited.calls[0]?.timeout_ms, 100);
  });
});

describe("a call with an unknown answer", () => {
  test("is counted, also when it was the last", async () => {
    const { store, attempts } = await run([TIMEOUT, { kind: "unreachable", message: "reset", sent: true }], {
      attempts_max: 2,
    });
    assert.deepEqual([store.totals.unknown_calls, attempts], [2, 2]);
  });

  test("is not made again where a person decides", async () => {
    const { store, calls, code } = await run([TIMEOUT, OK], { on_unknown: "quarantine" });
    assert.deepEqual([store.totals.unknown_calls, calls.length, code], [1, 1, "provider_timeout"]);
  });

  test("is none where nothing went out", async () => {
    const { store, code } = await run([{ kind: "unreachable", message: "refused" }, OK], { on_unknown: "quarantine" });
    assert.deepEqual([store.totals.unknown_calls, code], [0, "succeeded"]);
  });
});

describe("without a permit", () => {
  /** Refuses `times` permits when their time is over (or at once), then gives them. */
  const refusing =
    (reason: WaitReason, times: number, at_once = false) =>
    ({ backend, clock }: ReturnType<typeof setUp>): void => {
      backend.refuse = async ({ until_ms }) => {
        if (backend.asked.length > times) return undefined;
        const wait_ms = at_once ? 0 : until_ms - clock.now_ms();
        if (wait_ms > 0) await new Promise<void>((resolve) => clock.after(wait_ms, resolve));
        return { kind: "refused", reason, waited_ms: { [reason]: wait_ms } };
      };
    };

  test("for a limit it goes on waiting, and tells for how long", async () => {
    const { code, end, attempts } = await run([OK], { meanwhile: refusing("limit", 9), attempts_max: 1 });
    assert.deepEqual([code, attempts], ["succeeded", 1]);
    assert.deepEqual(end.kind === "judged" && end.waited_ms, { limit: 9 * 60_000 });
  });

  test("for a limit it waits until its deadline at the longest", async () => {
    const { code, clock } = await run([OK], { meanwhile: refusing("limit", 9), job: { deadline_ms: 90_000 } });
    assert.deepEqual([code, clock.now_ms()], ["deadline_exceeded", START_MS + 90_000]);
  });

  test("because a line is full it does not ask again at once", async () => {
    const { code, clock } = await run([OK], { meanwhile: refusing("limit", 3, true) });
    assert.equal(code, "succeeded");
    assert.ok(clock.now_ms() >= START_MS + 3_000);
  });

  test("because a line is full it ends with its deadline", async () => {
    const { code, clock } = await run([OK], { meanwhile: refusing("limit", 9, true), job: { deadline_ms: 1_500 } });
    assert.deepEqual([code, clock.now_ms()], ["deadline_exceeded", START_MS + 1_500]);
  });

  test("for a breaker every refusal is a failed attempt, and none was a call", async () => {
    const { code, attempts, store } = await run([OK], { meanwhile: refusing("breaker", 9), attempts_max: 2 });
    assert.deepEqual([code, attempts, store.totals.unknown_calls], ["provider_unavailable", 0, 0]);
  });

  test("it ends with the service, and when it is cancelled", async () => {
    const stopped = await run([OK], {
      meanwhile: (world) => {
        refusing("limit", 99)(world);
        world.clock.after(1_000, () => world.stopping.abort());
      },
    });
    assert.equal(stopped.end.kind, "stopping");
    const cancelled = await run([OK], {
      meanwhile: (world) => {
        refusing("limit", 99)(world);
        world.clock.after(1_000, () => world.cancelled.abort());
      },
    });
    assert.equal(cancelled.code, "cancelled");
  });

  test("its reservation is kept while it waits; when another run has it after all, it ends", async () => {
    const { end } = await run([OK], {
      meanwhile: (world) => {
        refusing("limit", 99)(world);
        world.clock.after(30_000, () => world.store.set(jobOf(), "R b.1 0 0 9"));
      },
    });
    assert.equal(end.kind, "fenced");
  });
});
