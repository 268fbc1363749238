/** Runs of replays: exactly one Result for each record, whatever happens on the way. */
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import fc from "fast-check";
import { SluiceError } from "../../../libs/shared/errors.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import type { Replay, ReplayStore } from "../../../libs/shared/replay/replay.ts";
import type { RunHooks, WholeEnd, WrittenItem } from "../../../services/replay/modes.ts";
import { type RunDeps, type RunEnd, runReplay } from "../../../services/replay/run.ts";
import { VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { jsonCodec, NAMES } from "../../support/memory-ports.ts";
import {
  MemoryReader,
  MemoryTransactionLog,
  MemoryWorker,
  recordedAt,
  type Taken,
} from "../../support/memory-replay-log.ts";
import { MemoryReplays } from "../../support/memory-replays.ts";

const ID = "rp_1";
const LEASE_MS = 10_000;
const LONG_MS = 3_600_000;
const PREVIEW = {
  ...{ read: 0, selected: 0, unreadable: 0, by_status: {}, by_tier: {}, by_tenant: {}, calls: 0 },
  ...{ expected_nusd: 0, most_nusd: 0, without_record: 0, recorded_nusd: 0 },
};

let clock: VirtualClock;
let store: MemoryReplays;
let log: MemoryTransactionLog;
let reader: MemoryReader;
let worker: MemoryWorker;
let owners = 0;

function setUp(counts: readonly number[] = [7, 4], taken?: Taken): void {
  clock = new VirtualClock();
  store = new MemoryReplays();
  log = new MemoryTransactionLog();
  reader = new MemoryReader(counts, 3, taken);
  worker = new MemoryWorker();
}

function deps(more: Partial<RunDeps> = {}): RunDeps {
  return {
    ...{ store, clock, log: silentLog, codec: jsonCodec, names: NAMES, lease_ms: LEASE_MS, chunk: 500 },
    retry: { clock, random: () => 0.5, log: silentLog, policy: { base_ms: 100, cap_ms: 1_000 } },
    rateOf: () => undefined,
    left_as: "paused",
    open: async () => ({
      reader,
      preview: async (ranges) => ({ ...PREVIEW, read: ranges.length }),
      transactions: log.open(),
      openMode: async () => ({ kind: "records", worker }),
      close: async () => undefined,
    }),
    ...more,
  };
}

/** Runs it to an end; time passes as it needs. */
async function drive(more: Partial<RunDeps> = {}, stopping = new AbortController().signal): Promise<RunEnd> {
  owners += 1;
  const now_ms = clock.now_ms();
  const leased = await store.lease(`owner-${owners}`, now_ms, now_ms + LEASE_MS, ID);
  assert.ok(leased, "it can be leased");
  let end: RunEnd | undefined;
  const running = runReplay(deps(more), leased, `owner-${owners}`, stopping).then((came_to) => {
    end = came_to;
  });
  await clock.run(() => end !== undefined, clock.now_ms() + LONG_MS);
  await running;
  return end as RunEnd;
}

async function create(): Promise<void> {
  const spec = { mode: "reuse", selection: { topic: NAMES.requests } } as const;
  await store.create({ id: ID, spec, runner: "cli", by: "tests", created_ms: clock.now_ms() });
}

async function ask(): Promise<void> {
  assert.ok(await store.ask(ID, "cli", undefined, clock.now_ms()));
}

/** Previewed and asked for. */
async function ready(): Promise<void> {
  await create();
  assert.equal(await drive(), "previewed");
  await ask();
}

/** To be changed in places. */
function bound(of: ReplayStore): ReplayStore {
  return {
    create: (replay) => of.create(replay),
    find: (id) => of.find(id),
    list: (page) => of.list(page),
    ask: (...asked) => of.ask(...asked),
    want: (...asked) => of.want(...asked),
    lease: (...asked) => of.lease(...asked),
    renew: (...asked) => of.renew(...asked),
    save: (...asked) => of.save(...asked),
    release: (...asked) => of.release(...asked),
  };
}

const find = async (): Promise<Replay> => (await store.find(ID)) as Replay;
const ids = (): string[] => log.records.map(({ key }) => String(key)).sort();

function all(counts: readonly number[], taken: Taken = () => true): string[] {
  return counts
    .flatMap((count, partition) =>
      Array.from({ length: count }, (_, offset) => (taken(partition, offset) ? [`r-${partition}-${offset}`] : [])),
    )
    .flat()
    .sort();
}

describe("a replay's run", () => {
  beforeEach(() => setUp());

  test("what it covers is fixed by the preview, and saved", async () => {
    await create();
    assert.equal(await drive(), "previewed");
    const { ranges, preview, status } = await find();
    assert.deepEqual(
      ranges?.map(({ partition, from, to }) => [partition, from, to]),
      [
        [0, 0, 7],
        [1, 0, 4],
      ],
    );
    assert.deepEqual([status, preview?.read, log.records.length], ["previewed", 2, 0]);
    await ask();
    reader = new MemoryReader([9, 9], 3);
    assert.equal(await drive(), "completed");
    assert.deepEqual(ids(), all([7, 4]), "what came later is no part of it");
  });

  test("each selected record has its Result on the replay's topic, and the totals say so", async () => {
    const odd: Taken = (_, offset) => offset % 2 === 1;
    setUp([7, 4], odd);
    await ready();
    const seen: number[] = [];
    const end = await drive({ onProgress: ({ totals }) => seen.push(totals.passed) });
    assert.equal(end, "completed");
    assert.deepEqual(ids(), all([7, 4], odd));
    assert.ok(log.records.every(({ topic }) => topic === NAMES.replay(ID)));
    const { totals, ended_ms } = await find();
    assert.deepEqual(totals, { passed: 11, of: 11, selected: 5, by_fate: { reused: 5 }, calls: 5, cost_nusd: 50 });
    assert.equal(ended_ms, clock.now_ms());
    assert.equal(seen.at(-1), 11);
    assert.equal(await store.lease("next", clock.now_ms(), clock.now_ms() + 1, ID), undefined, "it is over");
  });

  test("a part that is away, or that loses its answer, costs time and nothing else", async () => {
    await ready();
    reader.away = 2;
    const faults = ["before", "after", undefined, "after"] as const;
    let at = 0;
    log.faulty = () => faults[at++];
    assert.equal(await drive(), "completed");
    assert.deepEqual(ids(), all([7, 4]));
    assert.equal((await find()).totals.by_fate["reused"], 11);
  });

  test("killed at any moment, again and again, it ends with one Result each and exact totals", async () => {
    const counts = fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 4 });
    const deaths = fc.array(fc.record({ after: fc.nat(5), committed: fc.boolean() }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(counts, deaths, async (partitions, kills) => {
        const taken: Taken = (partition, offset) => (partition + offset) % 3 !== 0;
        setUp(partitions, taken);
        await ready();
        for (const kill of kills) await die(kill);
        log.faulty = () => undefined;
        await passTime(2 * LEASE_MS);
        const { status } = await find();
        if (status !== "completed") assert.equal(await drive(), "completed");
        assert.deepEqual(ids(), all(partitions, taken));
        const { totals } = await find();
        const selected = all(partitions, taken).length;
        assert.deepEqual([totals.selected, totals.calls, totals.cost_nusd], [selected, selected, selected * 10]);
        assert.equal(totals.passed, totals.of);
      }),
      { numRuns: 60 },
    );
  });

  /** A process that ends without a word, at the transaction after so many. */
  async function die({ after, committed }: { after: number; committed: boolean }): Promise<void> {
    await passTime(2 * LEASE_MS);
    const now_ms = clock.now_ms();
    owners += 1;
    const owner = `owner-${owners}`;
    const leased = await store.lease(owner, now_ms, now_ms + LEASE_MS, ID);
    if (leased === undefined) return;
    let left = after;
    let dead = false;
    const never = new Promise<never>(() => undefined);
    const own = log.open();
    const transactions: typeof own = {
      ...own,
      async publishOnce(source, items) {
        if (dead) return never;
        left -= 1;
        if (left >= 0) return own.publishOnce(source, items);
        dead = true;
        if (committed) await own.publishOnce(source, items);
        return never;
      },
    };
    // What it still says to the store is the last that anybody hears of it.
    const live = bound(store);
    const mute: ReplayStore = {
      ...live,
      renew: (...asked) => (dead ? never : live.renew(...asked)),
      save: (...asked) => (dead ? never : live.save(...asked)),
    };
    let end: RunEnd | undefined;
    const open: RunDeps["open"] = async (replay) => ({ ...(await deps().open(replay)), transactions });
    void runReplay(deps({ store: mute, open }), leased, owner, new AbortController().signal).then((came_to) => {
      end = came_to;
    });
    await clock.run(() => end !== undefined || dead, clock.now_ms() + LONG_MS);
  }

  async function passTime(wait_ms: number): Promise<void> {
    let over = false;
    clock.after(wait_ms, () => {
      over = true;
    });
    await clock.run(() => over, clock.now_ms() + wait_ms + 1);
  }

  test("a run that was taken for dead writes nothing more", async () => {
    await ready();
    const slow = new MemoryWorker();
    let woken: (() => void) | undefined;
    const asleep = new Promise<void>((resolve) => {
      woken = resolve;
    });
    slow.run = async (records, stopping) => {
      await asleep;
      return new MemoryWorker().run(records, stopping);
    };
    const now_ms = clock.now_ms();
    const leased = await store.lease("sleeper", now_ms, now_ms + LEASE_MS, ID);
    assert.ok(leased);
    const frozen = { ...bound(store), renew: async () => "held" as const };
    const open: RunDeps["open"] = async (replay) => ({
      ...(await deps().open(replay)),
      openMode: async () => ({ kind: "records", worker: slow }),
    });
    const sleeping = runReplay(deps({ store: frozen, open }), leased, "sleeper", new AbortController().signal);
    await passTime(2 * LEASE_MS);
    assert.equal(await drive(), "completed");
    woken?.();
    let end: RunEnd | undefined;
    void sleeping.then((came_to) => {
      end = came_to;
    });
    await clock.run(() => end !== undefined, clock.now_ms() + LONG_MS);
    assert.equal(end, "lost");
    assert.deepEqual(ids(), all([7, 4]));
    assert.equal((await find()).status, "completed");
  });

  test("it pauses when a person wants it, and goes on where it stood", async () => {
    await ready();
    clock.after(1_500, () => void store.want(ID, "pause", clock.now_ms()));
    assert.equal(await drive({ rateOf: () => 2 }), "paused");
    const { totals } = await find();
    assert.ok(totals.passed > 0 && totals.passed < 11, String(totals.passed));
    assert.equal(totals.passed, log.records.length);
    await ask();
    assert.equal(await drive(), "completed");
    assert.deepEqual(ids(), all([7, 4]));
    assert.equal(worker.ran, 11, "nothing was worked on twice");
  });

  test("it is cancelled when a person wants it", async () => {
    await ready();
    clock.after(1_500, () => void store.want(ID, "cancel", clock.now_ms()));
    assert.equal(await drive({ rateOf: () => 2 }), "cancelled");
    assert.equal((await find()).totals.passed, log.records.length);
  });

  test("a process that is to end leaves it for a person, or for the next process", async () => {
    await ready();
    const stopping = new AbortController();
    clock.after(1_500, () => stopping.abort());
    assert.equal(await drive({ rateOf: () => 2, left_as: "asked" }, stopping.signal), "asked");
    const early = new AbortController();
    early.abort();
    assert.equal(await drive({ left_as: "paused" }, early.signal), "paused");
    await ask();
    assert.equal(await drive(), "completed");
    assert.deepEqual(ids(), all([7, 4]));
  });

  test("out of budget it is paused with the reason, and goes on with more", async () => {
    await ready();
    worker.budget = 5;
    assert.equal(await drive(), "paused");
    const { error, totals } = await find();
    assert.equal(error?.code, "replay_budget_used");
    assert.deepEqual([totals.calls, log.records.length], [5, 5]);
    worker.budget = 100;
    await ask();
    assert.equal(await drive(), "completed");
    assert.equal((await find()).error, undefined);
    assert.deepEqual(ids(), all([7, 4]));
    assert.equal(worker.ran, 11);
  });

  test("what goes wrong for good fails it with the reason; asked for again, it goes on", async () => {
    await ready();
    worker.bug = new Error("a bug");
    assert.equal(await drive(), "failed");
    assert.deepEqual((await find()).error, { code: "internal_error", message: "a bug" });
    await ask();
    assert.equal(await drive(), "completed");
    assert.deepEqual(ids(), all([7, 4]));
  });

  test("whose position is forgotten, it is not begun once more", async () => {
    await ready();
    worker.budget = 5;
    await drive();
    log.forgetOffsets();
    await ask();
    assert.equal(await drive(), "failed");
    assert.equal((await find()).error?.code, "replay_position_lost");
    assert.equal(log.records.length, 5);
  });

  test("a selection that makes no sense fails the preview", async () => {
    await create();
    reader.ranges = async () => {
      throw new SluiceError("usage", "no", { fix: "Do so" });
    };
    assert.equal(await drive(), "failed");
    assert.deepEqual((await find()).error, { code: "usage", message: "no. Do so" });
  });

  test("its end is compared, and a comparison that fails is no failure", async () => {
    await ready();
    assert.equal(await drive({ summarise: async ({ totals }) => ({ of: totals.selected }) }), "completed");
    assert.deepEqual((await find()).comparison, { of: 11 });
    setUp();
    await ready();
    assert.equal(await drive({ summarise: () => Promise.reject(new Error("no")) }), "completed");
  });

  test("no faster than its rate", async () => {
    setUp([30]);
    await ready();
    const begin_ms = clock.now_ms();
    assert.equal(await drive({ rateOf: () => 10 }), "completed");
    const took_s = (clock.now_ms() - begin_ms) / 1_000;
    assert.ok(took_s > 2 && took_s < 4, String(took_s));
  });

  describe("of a mode with an order of its own", () => {
    /** Publishes all that there is each time, as one that has to see all of it again does. */
    const whole = async (_: Replay, hooks: RunHooks): Promise<WholeEnd> => {
      for (const range of hooks.ranges) {
        for await (const { source, items } of hooks.reader.read(range, worker.wanted)) {
          if (hooks.stopping.aborted) return { stopped: { code: "stopping", message: "stopping" } };
          const { done } = await worker.run(
            items.flatMap(({ recorded }) => recorded ?? []),
            hooks.stopping,
          );
          const written: WrittenItem[] = done.map((replayed) => ({
            offset: replayed.recorded.source.offset,
            replayed,
          }));
          await hooks.publish(source, written);
        }
        hooks.finished(range);
      }
      return { report: { seen: worker.ran } };
    };
    const open: RunDeps["open"] = async (replay) => ({
      ...(await deps().open(replay)),
      openMode: async () => ({ kind: "whole", run: whole }),
    });

    test("what it gives again after a stop is written once", async () => {
      await ready();
      const bug = new SluiceError("internal_error", "in the middle");
      let transactions = 0;
      log.faulty = () => {
        transactions += 1;
        if (transactions === 3) throw bug;
        return transactions === 2 ? "after" : undefined;
      };
      assert.equal(await drive({ open }), "failed");
      log.faulty = () => undefined;
      await ask();
      assert.equal(await drive({ open }), "completed");
      assert.deepEqual(ids(), all([7, 4]));
      assert.equal((await find()).totals.by_fate["reused"], 11);
      assert.deepEqual((await find()).comparison, { what_if: { seen: worker.ran } });
    });
  });
});

test("a Result is written as results writes it, with its answer carried", async () => {
  setUp([1]);
  await ready();
  worker.run = async () => ({
    done: [
      {
        recorded: { ...recordedAt(0, 0), headers: { traceparent: "00-a", "sluice-tenant": "demo" } },
        fate: "reused",
        result: {
          head: { id: "r-0-0", tenant: "demo", status: "succeeded", timing: {}, replay: { id: ID, mode: "reuse" } },
          response: Buffer.from('{"id": "x"}'),
        },
        beside: [{ topic: NAMES.cache, key: "k", value: null }],
        ...{ calls: 0, cost_nusd: 0 },
      },
    ],
  });
  assert.equal(await drive(), "completed");
  const [result, beside] = log.records;
  const text = result?.value?.toString() ?? "";
  assert.deepEqual(JSON.parse(text), {
    ...{ id: "r-0-0", tenant: "demo", status: "succeeded", timing: {} },
    ...{ replay: { id: ID, mode: "reuse" }, response: { id: "x" } },
  });
  assert.equal(text.slice(Number(result?.headers?.["sluice-carried-at"])), '{"id": "x"}}');
  assert.equal(result?.headers?.["traceparent"], "00-a");
  assert.equal(result?.headers?.["sluice-tenant"], undefined);
  assert.equal(beside?.topic, NAMES.cache);
});
