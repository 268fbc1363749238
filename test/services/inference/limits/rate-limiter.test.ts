/** Calls that wait for the limits, in virtual time. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LimitSettings } from "../../../../libs/shared/config/inference.ts";
import { type LimitAnswer, type LimitStore, LocalLimits } from "../../../../services/inference/limits/limit-store.ts";
import type { Amount } from "../../../../services/inference/limits/pace.ts";
import { RateLimiter, type RateLimiterOptions } from "../../../../services/inference/limits/rate-limiter.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const NEVER = new AbortController().signal;
const NEEDS = { requests: 1, tokens: 0, partition: "0", until_ms: START_MS + 3_600_000, signal: NEVER };

/** Answers on command, as a Redis far away would. */
class SlowStore implements LimitStore {
  readonly give_back_delay_ms = 20;
  readonly tokens_per_minute = 100_000;
  readonly asked: {
    readonly calls: readonly Amount[];
    readonly back: Amount;
    readonly answer: (told: LimitAnswer | Error) => void;
  }[] = [];

  setShare(): void {}

  ask(calls: readonly Amount[], back: Amount): Promise<LimitAnswer> {
    return new Promise((resolve, reject) => {
      this.asked.push({ calls, back, answer: (told) => (told instanceof Error ? reject(told) : resolve(told)) });
    });
  }
}

function setUp(store: LimitStore | LimitSettings | undefined, options: Partial<RateLimiterOptions> = {}) {
  const clock = new VirtualClock();
  const bucket = store === undefined || "ask" in store ? store : new LocalLimits(store, clock);
  const limiter = new RateLimiter({ store: bucket, clock, ...options });
  const heard: string[] = [];
  const take = (name: string, needs: Partial<typeof NEEDS> = {}): void => {
    const since_ms = START_MS;
    void limiter
      .take({ ...NEEDS, partition: name.charAt(0), ...needs })
      .then((grant) => heard.push(`${name} ${grant} ${clock.now_ms() - since_ms}`));
  };
  const names = () => heard.map((line) => line.split(" ")[0]);
  return { clock, limiter, heard, names, take, run: (ms: number) => clock.run(() => false, START_MS + ms) };
}

const PER_SECOND: LimitSettings = { requests_per_minute: 60, scope: "assignment" };

describe("with its own bucket", () => {
  test("partitions take turns, each in its order; a flood of one stands in nobody's way", async () => {
    const { limiter, names, take, run } = setUp(PER_SECOND);
    for (let at = 1; at <= 6; at += 1) take(`a${at}`);
    take("b1");
    take("b2");
    take("c1");
    assert.equal(limiter.waiting, 9);
    limiter.setShare(1);
    await run(20_000);
    assert.deepEqual(names(), ["a1", "b1", "c1", "a2", "b2", "a3", "a4", "a5", "a6"]);
    assert.equal(limiter.waiting, 0);
  });

  test("a wait ends at its time, on its signal, and past the bound", async () => {
    const { clock, limiter, heard, take, run } = setUp(PER_SECOND, { waiting_max: 2 });
    const abort = new AbortController();
    take("late", { until_ms: START_MS + 300 });
    take("aborted", { signal: abort.signal });
    take("too-many");
    take("over", { until_ms: START_MS });
    take("gone", { signal: AbortSignal.abort() });
    clock.after(200, () => abort.abort());
    await run(1_000);
    assert.deepEqual(heard, [
      "too-many refused 0",
      "over refused 0",
      "gone refused 0",
      "aborted refused 200",
      "late refused 300",
    ]);
    assert.equal(limiter.waiting, 0);
  });

  test("one that gives up lets the next ones through", async () => {
    const { clock, limiter, heard, take, run } = setUp(PER_SECOND);
    const abort = new AbortController();
    limiter.setShare(1);
    take("a1");
    take("a2", { signal: abort.signal });
    take("a3");
    clock.after(500, () => abort.abort());
    await run(1_500);
    assert.deepEqual(heard, ["a1 granted 0", "a2 refused 500", "a3 granted 1033"]);
  });

  test("nothing goes during a pause; a shorter one does not end it", async () => {
    const { limiter, heard, take, run } = setUp({ ...PER_SECOND, requests_per_minute: 60_000 });
    limiter.setShare(1);
    limiter.pause(START_MS + 5_000);
    limiter.pause(START_MS + 1_000);
    take("a1");
    await run(4_999);
    assert.deepEqual(heard, []);
    await run(6_000);
    assert.deepEqual(heard, ["a1 granted 5000"]);
  });

  test("what is given back goes to the next at once", async () => {
    const { clock, limiter, heard, take, run } = setUp({ ...PER_SECOND, requests_per_minute: 6 });
    limiter.setShare(1);
    take("a1");
    take("a2");
    clock.after(100, () => limiter.giveBack(1, 0));
    await run(5_000);
    assert.deepEqual(heard, ["a1 granted 0", "a2 granted 100"]);
  });

  test("tokens that were not used go to the next; those used beyond the estimate hold it up", async () => {
    const limits: LimitSettings = { tokens_per_minute: 60_000, scope: "assignment" };
    const arrivals: number[] = [];
    for (const actual of [1_000, 5_000, 9_000, undefined]) {
      const { clock, limiter, heard, take, run } = setUp(limits);
      limiter.setShare(1);
      take("a1", { tokens: 5_000 });
      take("a2", { tokens: 1 });
      clock.after(100, () => limiter.settle(5_000, actual));
      await run(30_000);
      arrivals.push(Number(heard[1]?.split(" ")[2]));
    }
    assert.deepEqual(
      arrivals.map((ms) => Math.round(ms / 1_000)),
      [1, 5, 9, 5],
    );
  });

  test("without limits a call goes at once, and only a pause is waited for", async () => {
    const { limiter, heard, take, run } = setUp(undefined);
    assert.equal(limiter.unlimited, true);
    for (let at = 0; at < 3; at += 1) take(`a${at}`, { tokens: 1e9 });
    limiter.settle(1e9, 5);
    limiter.giveBack(1, 1e9);
    limiter.setShare(0);
    limiter.pause(START_MS + 400);
    take("b1");
    await run(1_000);
    assert.deepEqual(heard, ["a0 granted 0", "a1 granted 0", "a2 granted 0", "b1 granted 400"]);
  });
});

describe("with a bucket far away", () => {
  test("one question at a time, for all that wait; the told wait is waited out once", async () => {
    const store = new SlowStore();
    const { clock, heard, take, run } = setUp(store);
    take("a1");
    take("b1");
    take("c1");
    assert.equal(store.asked.length, 1);
    clock.after(10, () => store.asked[0]?.answer({ granted: 1, wait_ms: 0 }));
    clock.after(20, () => store.asked[1]?.answer({ granted: 0, wait_ms: 500 }));
    clock.after(30, () => take("d1"));
    await run(519);
    assert.deepEqual(
      store.asked.map(({ calls }) => calls.length),
      [1, 2],
    );
    await run(521);
    assert.deepEqual(
      store.asked.map(({ calls }) => calls.length),
      [1, 2, 3],
    );
    assert.deepEqual(heard, ["a1 granted 10"]);
  });

  test("what came for one that gave up, or into a pause, is given back", async () => {
    const store = new SlowStore();
    const { clock, limiter, heard, take, run } = setUp(store);
    take("a1", { until_ms: START_MS + 5, tokens: 10 });
    clock.after(10, () => store.asked[0]?.answer({ granted: 1, wait_ms: 0 }));
    await run(40);
    assert.deepEqual(store.asked[1]?.back, { requests: 1, tokens: 10 });
    store.asked[1]?.answer({ granted: 0, wait_ms: 0 });
    clock.after(0, () => take("b1", { tokens: 7 }));
    clock.after(10, () => limiter.pause(START_MS + 1_000));
    clock.after(20, () => store.asked[2]?.answer({ granted: 1, wait_ms: 0 }));
    await run(900);
    assert.deepEqual(store.asked[3]?.back, { requests: 1, tokens: 7 });
    store.asked[3]?.answer({ granted: 0, wait_ms: 0 });
    await run(1_100);
    store.asked[4]?.answer({ granted: 1, wait_ms: 0 });
    await run(1_200);
    assert.deepEqual(heard, ["a1 refused 5", "b1 granted 1000"]);
  });

  test("several settlements travel together", async () => {
    const store = new SlowStore();
    const { limiter, take, run } = setUp(store);
    take("a1", { tokens: 100 });
    store.asked[0]?.answer({ granted: 1, wait_ms: 0 });
    await run(1);
    limiter.settle(50, 30);
    limiter.settle(50, 60);
    await run(100);
    assert.deepEqual(
      store.asked.slice(1).map(({ back }) => back),
      [{ requests: 0, tokens: 10 }],
    );
  });

  test("while it is away calls wait and it is asked again; debts stay, refunds of unknown fate do not", async () => {
    const store = new SlowStore();
    const failures: unknown[] = [];
    const { clock, limiter, heard, take, run } = setUp(store, { failed: (error) => failures.push(error) });
    take("a1");
    clock.after(1, () => limiter.settle(0, 40));
    clock.after(10, () => store.asked[0]?.answer(new Error("away")));
    clock.after(40, () => store.asked[1]?.answer(new Error("away")));
    await run(600);
    assert.equal(failures.length, 2);
    assert.deepEqual(store.asked[2]?.back, { requests: 0, tokens: -40 });
    store.asked[2]?.answer({ granted: 1, wait_ms: 0 });
    await run(700);
    assert.equal(heard.length, 1);
  });
});
