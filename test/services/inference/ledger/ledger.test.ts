/** The attempt ledger in virtual time: crashes, runs that meet, replies that are lost, a store that is away (I3). */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { headLineOf } from "../../../../libs/shared/redis/attempt-entry.ts";
import { type Attempt, AttemptLedger, type Opened } from "../../../../services/inference/ledger/ledger.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";
import { MemoryAttempts } from "../../../support/memory-attempts.ts";

const JOB = { tenant: "demo", id: "r1", content_hash: "h" };
const ANSWER = { ending: { status: "succeeded", timing: {} } as const, response: Buffer.from("{}") };
const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;

let store: MemoryAttempts;
let clock: VirtualClock;
let counted: object[];
beforeEach(() => {
  store = new MemoryAttempts();
  clock = new VirtualClock();
  counted = [];
});

/** A process; it gives signs of life until `store.alive` says otherwise. */
function worker(instance: string, on_unknown: "retry" | "quarantine" = "retry"): AttemptLedger {
  store.alive.add(instance);
  return new AttemptLedger({
    store,
    clock,
    retry: { clock, random: () => 0.5, log: silentLog, policy: { base_ms: 100, cap_ms: 1_000 } },
    settings: { on_unknown, answer_ttl_hours: 24, published_ttl_minutes: 10, alive_ttl_ms: 6_000 },
    instance,
    counted: (counts) => counted.push(counts),
  });
}

const die = (instance: string): void => void store.alive.delete(instance);
const entry = (): string => headLineOf(store.entry(JOB));

/** Lets time pass until the promise has settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  const end = (): void => {
    done = true;
  };
  promise.then(end, end);
  assert.ok(await clock.run(() => done, START_MS + 10 * HOUR_MS), "it ends");
  return promise;
}

async function pass(ms: number): Promise<void> {
  await clock.run(() => false, clock.now_ms() + ms);
}

const open = (ledger: AttemptLedger, round = 0, stopping = NEVER): Promise<Opened | undefined> =>
  settled(ledger.open(JOB, round, stopping));

async function mine(ledger: AttemptLedger, round = 0): Promise<Attempt> {
  const opened = await open(ledger, round);
  assert.equal(opened?.kind, "mine");
  return (opened as Extract<Opened, { kind: "mine" }>).attempt;
}

const kindOf = (opened: Opened | undefined): string | undefined => opened?.kind;

describe("a job", () => {
  test("is reserved, dispatched, answered and published, each by one swap", async () => {
    const attempt = await mine(worker("a"));
    assert.equal(entry(), `R a.1 0 0 ${START_MS + 120_000}`);
    assert.ok(await attempt.dispatch(START_MS + 5));
    assert.deepEqual([entry(), attempt.calls], [`D a.1 1 0 ${START_MS + 5}`, 1]);
    assert.ok(await attempt.answered(ANSWER, 7));
    assert.equal(entry(), "A a.1 1 0");
    await attempt.published();
    attempt.end();
    assert.deepEqual([entry(), store.swaps.length, counted], ["P", 4, []]);
    assert.equal(kindOf(await open(worker("a"))), "done");
  });

  test("keeps an answer for hours, and what is published only for minutes", async () => {
    const attempt = await mine(worker("a"));
    await attempt.dispatch(START_MS);
    await attempt.answered(ANSWER, 0);
    await attempt.published();
    assert.deepEqual(
      store.swaps.map(({ ttl_ms }) => ttl_ms),
      [24 * HOUR_MS, 24 * HOUR_MS, 24 * HOUR_MS, 600_000],
    );
  });

  test("whose worker died with the answer is published without a call, by whoever comes next", async () => {
    const attempt = await mine(worker("a"));
    await attempt.dispatch(START_MS);
    await attempt.answered(ANSWER, 0);
    const opened = await open(worker("b"));
    assert.ok(opened?.kind === "answered");
    assert.deepEqual(opened.answer, ANSWER);
    assert.equal(opened.attempt.calls, 1);
    await opened.attempt.published();
    assert.equal(entry(), "P");
  });

  test("whose worker died during the call is called again, counted once", async () => {
    const lost = await mine(worker("a"));
    await lost.dispatch(START_MS);
    die("a");
    const attempt = await mine(worker("b"));
    assert.deepEqual(counted, [{ unknown_calls: 1, duplicate_nusd: 0 }]);
    assert.equal(attempt.calls, 1);
    die("b");
    await mine(worker("c"));
    assert.equal(store.totals.unknown_calls, 1, "b had not called yet");
    assert.equal(await lost.answered(ANSWER, 0), false, "and its answer, come after all, is dropped");
  });

  test("whose worker died during the call is for a person where the settings say so, for good", async () => {
    await (await mine(worker("a"))).dispatch(START_MS);
    die("a");
    const opened = await open(worker("b", "quarantine"));
    assert.ok(opened?.kind === "quarantine");
    assert.equal(opened.attempt.calls, 1);
    die("b");
    assert.equal(kindOf(await open(worker("c", "quarantine"))), "quarantine", "b died before it was said");
    assert.equal(store.totals.unknown_calls, 1);
  });

  test("of a living worker is waited for, and what that published is respected", async () => {
    const attempt = await mine(worker("a"));
    const other = worker("b").open(JOB, 0, NEVER);
    clock.after(1_000, () => void attempt.dispatch(clock.now_ms() + 60_000));
    clock.after(30_000, () => void attempt.answered(ANSWER, 0).then(() => attempt.published()));
    assert.equal(kindOf(await settled(other)), "done");
    assert.ok(clock.now_ms() < START_MS + 31_000);
  });

  test("of another run of the same process is waited for until that ends", async () => {
    const ledger = worker("a");
    const attempt = await mine(ledger);
    const other = ledger.open(JOB, 0, NEVER);
    clock.after(5_000, () => attempt.end());
    assert.equal(kindOf(await settled(other)), "mine");
    assert.ok(clock.now_ms() < START_MS + 6_000);
    assert.deepEqual(counted, []);
  });

  test("of a dead worker that had not called is taken at once, without a count", async () => {
    await mine(worker("a"));
    die("a");
    const attempt = await mine(worker("b"));
    assert.deepEqual([attempt.calls, counted, clock.now_ms()], [0, [], START_MS]);
  });

  test("of a run that gave up is not waited for, though its process lives", async () => {
    (await mine(worker("a"))).end();
    await mine(worker("b"));
    assert.equal(clock.now_ms(), START_MS);
  });

  test("is reserved as long as its run says so, and no longer", async () => {
    const attempt = await mine(worker("a"));
    const other = worker("b").open(JOB, 0, NEVER);
    await pass(100_000);
    assert.ok(await attempt.keep());
    assert.equal(kindOf(await settled(other)), "mine");
    const after_ms = clock.now_ms() - START_MS;
    assert.ok(after_ms >= 220_000 && after_ms < 221_000);
    assert.equal(await attempt.dispatch(0), false);
  });

  test("is given up by who waits for it when the service stops", async () => {
    await mine(worker("a"));
    const stopping = new AbortController();
    clock.after(1_000, () => stopping.abort());
    assert.equal(await open(worker("b"), 0, stopping.signal), undefined);
  });

  test("whose entry nobody can read is taken as new", async () => {
    store.set(JOB, "garbage\nof any kind");
    await mine(worker("a"));
    store.set(JOB, "A a.1 1 0\n{broken");
    await mine(worker("a"));
    assert.match(entry(), /^R a\.1 0 0 /);
  });
});

describe("two runs", () => {
  test("that race for a job: one has it, the other waits and sees that it is done", async () => {
    const opened = [worker("a"), worker("b")].map((ledger) => ledger.open(JOB, 0, NEVER));
    const first = await settled(Promise.race(opened));
    assert.ok(first?.kind === "mine");
    await first.attempt.dispatch(clock.now_ms());
    await first.attempt.answered(ANSWER, 0);
    await first.attempt.published();
    const kinds = (await settled(Promise.all(opened))).map(kindOf);
    assert.deepEqual(kinds.toSorted(), ["done", "mine"]);
  });

  test("that race after a death count its call once", async () => {
    await (await mine(worker("a"))).dispatch(START_MS);
    die("a");
    const opened = [worker("b"), worker("c")].map((ledger) => ledger.open(JOB, 0, NEVER));
    assert.ok(await settled(Promise.race(opened)));
    assert.equal(store.totals.unknown_calls, 1);
  });

  test("of which one was taken for dead: it is fenced at its next step, whichever that is", async () => {
    const steps: readonly ((attempt: Attempt) => Promise<boolean>)[] = [
      (attempt) => attempt.dispatch(0),
      (attempt) => attempt.failed(true),
      (attempt) => attempt.answered(ANSWER, 1),
    ];
    for (const step of steps) {
      const stalled = await mine(worker("a"));
      die("a");
      const attempt = await mine(worker("b"));
      assert.equal(await step(stalled), false);
      assert.deepEqual(store.totals, { unknown_calls: 0, duplicate_nusd: 0 });
      await stalled.published();
      stalled.end();
      assert.match(entry(), /^R b/, "it leaves no trace");
      attempt.end();
    }
  });
});

describe("calls that failed", () => {
  test("count as unknown where the provider may have worked on them, and cost as much as the answer in the end", async () => {
    const attempt = await mine(worker("a"));
    for (const unknown of [true, false, true]) {
      assert.ok(await attempt.dispatch(START_MS));
      assert.ok(await attempt.failed(unknown));
    }
    assert.ok(await attempt.dispatch(START_MS));
    assert.ok(await attempt.answered(ANSWER, 40));
    assert.deepEqual([attempt.calls, store.totals], [4, { unknown_calls: 2, duplicate_nusd: 80 }]);
    assert.deepEqual(counted.at(-1), { unknown_calls: 0, duplicate_nusd: 80 });
  });

  test("are no unknown ones when the process dies between two of them", async () => {
    const attempt = await mine(worker("a"));
    await attempt.dispatch(START_MS);
    await attempt.failed(false);
    die("a");
    assert.equal((await mine(worker("b"))).calls, 1);
    assert.equal(store.totals.unknown_calls, 0);
  });

  test("go with the job into its next round; the round that it left is done", async () => {
    const attempt = await mine(worker("a"));
    await attempt.dispatch(START_MS);
    await attempt.failed(true);
    await attempt.left(0);
    attempt.end();
    assert.equal(entry(), "L 0 1 1");
    assert.equal(store.swaps.at(-1)?.ttl_ms, 24 * HOUR_MS, "the next round may be long after");
    assert.equal(kindOf(await open(worker("b"), 0)), "done");
    const next = await mine(worker("b"), 1);
    await next.dispatch(START_MS);
    await next.answered(ANSWER, 5);
    assert.deepEqual([next.calls, store.totals], [2, { unknown_calls: 1, duplicate_nusd: 5 }]);
  });

  test("in a provider's batch are one call, whoever waits for it", async () => {
    const batch = { batch_id: "b", custom_id: "c" };
    const attempt = await mine(worker("a"));
    await attempt.dispatch(START_MS);
    await attempt.dispatch(START_MS + 1, batch);
    assert.equal(attempt.calls, 1);
    die("a");
    const opened = await open(worker("b"));
    assert.ok(opened?.kind === "mine");
    assert.deepEqual([opened.batch, opened.attempt.calls, counted], [batch, 1, []]);
    assert.ok(await opened.attempt.answered(ANSWER, 1));
  });
});

describe("a store that fails", () => {
  const steps: readonly (readonly [name: string, step: (attempt: Attempt) => Promise<boolean>])[] = [
    ["dispatch", (attempt) => attempt.dispatch(START_MS)],
    ["failed", (attempt) => attempt.failed(true)],
    ["dispatch again", (attempt) => attempt.dispatch(START_MS)],
    ["answered", (attempt) => attempt.answered(ANSWER, 3)],
  ];

  test("after its effect: nothing is counted twice and nobody fences itself", async () => {
    store.lose = 2;
    const attempt = await mine(worker("a"));
    for (const [name, step] of steps) {
      store.lose = 2;
      assert.ok(await settled(step(attempt)), name);
    }
    assert.deepEqual(store.totals, { unknown_calls: 1, duplicate_nusd: 3 });
    assert.deepEqual(counted, [
      { unknown_calls: 1, duplicate_nusd: 0 },
      { unknown_calls: 0, duplicate_nusd: 3 },
    ]);
  });

  test("after a dead run's call was counted: it is counted once", async () => {
    await (await mine(worker("a"))).dispatch(START_MS);
    die("a");
    store.lose = 1;
    await mine(worker("b"));
    assert.deepEqual([store.totals.unknown_calls, counted.length], [1, 1]);
  });

  test("by losing all it had: the run goes on, and its entry is written anew", async () => {
    const attempt = await mine(worker("a"));
    for (const [name, step] of steps) {
      store.entries.clear();
      assert.ok(await step(attempt), name);
    }
    assert.match(entry(), /^A a\.1 2 1/);
    assert.deepEqual(store.totals, { unknown_calls: 1, duplicate_nusd: 3 });
  });

  test("for a while: an answer in hand waits for it", async () => {
    const attempt = await mine(worker("a"));
    await attempt.dispatch(START_MS);
    store.away = true;
    clock.after(60_000, () => {
      store.away = false;
    });
    assert.ok(await settled(attempt.answered(ANSWER, 0)));
    assert.match(entry(), /^A /);
  });

  test("while the service stops: an answer in hand is published all the same, a call is not begun", async () => {
    const stopping = new AbortController();
    const opened = await open(worker("a"), 0, stopping.signal);
    assert.ok(opened?.kind === "mine");
    store.away = true;
    clock.after(5_000, () => stopping.abort());
    assert.ok(await settled(opened.attempt.answered(ANSWER, 0)));
    await assert.rejects(settled(opened.attempt.dispatch(0)), isRetryable);
    await opened.attempt.published();
    await assert.rejects(settled(worker("a").open(JOB, 0, stopping.signal).then(throwUndefined)));
  });
});

function throwUndefined(value: unknown): void {
  if (value === undefined) throw new Error("given up");
}
