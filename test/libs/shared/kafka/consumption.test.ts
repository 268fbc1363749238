import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { unavailable } from "../../../../libs/shared/errors.ts";
import { Consumption } from "../../../../libs/shared/kafka/consumption.ts";
import type { ConsumptionOptions } from "../../../../libs/shared/kafka/consumption-options.ts";
import type { Handler } from "../../../../libs/shared/kafka/handler.ts";
import { encodeDone } from "../../../../libs/shared/kafka/offset-map.ts";
import type {
  ConsumerEvents,
  ConsumerPort,
  InRecord,
  PartitionOffset,
  TopicPartition,
} from "../../../../libs/shared/kafka/ports.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { START_MS, VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

/** A member that does as the test says. */
class FakeConsumer implements ConsumerPort {
  events: ConsumerEvents | undefined;
  readonly commits: PartitionOffset[][] = [];
  readonly paused = new Set<string>();
  stopped = false;
  refuse_commits = false;
  restarts = 0;
  /** Whether a restart comes to an end. */
  restart: () => Promise<void> = async () => {
    this.restarts += 1;
  };

  async start(events: ConsumerEvents): Promise<void> {
    this.events = events;
  }

  pause(topics: readonly string[]): void {
    for (const topic of topics) this.paused.add(topic);
  }

  resume(topics: readonly string[]): void {
    for (const topic of topics) this.paused.delete(topic);
  }

  /** What the group has committed before this member came. */
  known: PartitionOffset[] = [];

  async committed(): Promise<PartitionOffset[]> {
    return this.known;
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    if (this.refuse_commits) throw unavailable("kafka", new Error("not the coordinator"));
    this.commits.push([...offsets]);
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }
}

type Rig = {
  readonly clock: VirtualClock;
  readonly consumer: FakeConsumer;
  readonly consumption: Consumption;
  readonly letters: number[];
  assign(partitions: readonly number[], retained?: readonly number[]): Promise<void>;
  deliver(...records: readonly InRecord[]): void;
  pass(ms: number): Promise<void>;
  committed(): number | undefined;
};

const tp = (partition: number): TopicPartition => ({ topic: "t", partition });

function recordOf(offset: number, key: string | null = null, partition = 0): InRecord {
  const value = Buffer.from("x");
  return {
    topic: "t",
    partition,
    offset,
    key: key === null ? null : Buffer.from(key),
    value,
    headers: {},
    timestamp_ms: 0,
  };
}

type Changes = Partial<Omit<ConsumptionOptions, "limits">> & {
  readonly limits?: Partial<ConsumptionOptions["limits"]>;
};

async function rig(handler: Handler, { limits, ...changes }: Changes = {}): Promise<Rig> {
  const clock = new VirtualClock();
  const consumer = new FakeConsumer();
  const letters: number[] = [];
  const consumption = new Consumption({
    consumer,
    clock,
    random: () => 0.5,
    log: silentLog,
    topics: { t: "interactive" },
    lane_weights: { interactive: 1, batch: 1 },
    order: "key",
    handler,
    deadLetter: async ({ offset }) => void letters.push(offset),
    commit_by: "engine",
    ...changes,
    limits: {
      max_in_flight: 4,
      batch_records_max: 1,
      batch_bytes_max: 10_000,
      in_flight_bytes_max: 32 * 1024 * 1024,
      queued_records_max: 10,
      queued_bytes_max: 1_000_000,
      commit_interval_ms: 100,
      watchdog_ms: 60_000,
      retry: { base_ms: 10, cap_ms: 100 },
      ...limits,
    },
  });
  await consumption.start();
  return {
    clock,
    consumer,
    consumption,
    letters,
    assign: async (partitions, retained = []) => {
      consumer.events?.assigned(partitions.map(tp), retained.map(tp));
      // What the group has committed is read meanwhile.
      await new Promise(setImmediate);
    },
    deliver: (...records) => consumer.events?.records(records),
    pass: async (ms) => {
      const until_ms = clock.now_ms() + ms;
      clock.after(ms, () => undefined);
      await clock.run(() => clock.now_ms() >= until_ms, until_ms);
      await new Promise(setImmediate);
    },
    committed: () => consumer.commits.flat().at(-1)?.offset,
  };
}

const sleepOn = (clock: () => VirtualClock, ms: number) =>
  new Promise<void>((resolve) => void clock().after(ms, resolve));

test("an offset is committed only after its work, and everything before it, is done (I2)", async () => {
  const waits_ms: Record<number, number> = { 0: 450, 1: 50 };
  const one: Rig = await rig(async ([record]) => sleepOn(() => one.clock, waits_ms[record?.offset ?? 0] ?? 0));
  await one.assign([0]);
  one.deliver(recordOf(0, "a"), recordOf(1, "b"));
  await one.pass(400);
  assert.equal(one.committed(), 0, "1 is done, 0 is not");
  await one.pass(300);
  assert.equal(one.committed(), 2);
  assert.equal(one.consumption.stats().in_flight, 0);
});

test("what an earlier member did beyond its commit is not done again", async () => {
  const handled: number[] = [];
  const one = await rig(async ([record]) => void handled.push(record?.offset ?? -1));
  const { metadata } = encodeDone(5, [{ from: 6, to: 8 }]);
  one.consumer.known = [{ ...tp(0), offset: 5, metadata }];
  const assigned = one.assign([0]);
  one.deliver(...[5, 6, 7, 8].map((offset) => recordOf(offset)));
  assert.deepEqual(handled, [], "it is not known yet what is done");
  await assigned;
  await one.pass(200);
  assert.deepEqual(handled, [5, 8]);
  assert.equal(one.committed(), 9);
});

test("a partition whose metadata has little room left takes nothing in until there is more (I6)", async () => {
  const hold: (() => void)[] = [];
  // Every offset hangs or not as if by chance: nothing that run lengths or deflate could fold.
  const hangs = (offset: number): boolean => {
    const mixed = Math.imul(offset + 1, 0x9e3779b1);
    return (Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77) & 0x1000000) !== 0;
  };
  const handler: Handler = ([record]) =>
    hangs(record?.offset ?? 0) ? new Promise((resolve) => void hold.push(resolve)) : Promise.resolve();
  const limits = { queued_records_max: 100_000, max_in_flight: 100_000 };
  const one = await rig(handler, { order: "fetch", limits });
  await one.assign([0]);
  const count = 40_000;
  one.deliver(...Array.from({ length: count }, (_, offset) => recordOf(offset)));
  await one.pass(300);
  assert.ok(one.consumer.paused.has("t"));
  for (const done of hold) done();
  await one.pass(300);
  assert.ok(!one.consumer.paused.has("t"));
  assert.equal(one.committed(), count);
});

test("the planted bug commits too early", async () => {
  const one: Rig = await rig(() => new Promise(() => undefined), { plant_early_commit: true });
  await one.assign([0]);
  one.deliver(recordOf(0));
  await one.pass(150);
  assert.equal(one.committed(), 1);
});

test("one poison record is one dead letter; its batch and its partition go on (I9)", async () => {
  const handled: number[] = [];
  const one = await rig(
    async (records) => {
      if (records.some(({ offset }) => offset === 2)) throw new Error("a bug");
      handled.push(...records.map(({ offset }) => offset));
    },
    { order: "fetch", limits: { max_in_flight: 1, batch_records_max: 10 } },
  );
  await one.assign([0]);
  one.deliver(...[0, 1, 2, 3].map((offset) => recordOf(offset)));
  await one.pass(200);
  // The first went ahead alone; the others came as one batch.
  assert.deepEqual(handled, [0, 1, 3]);
  assert.deepEqual(one.letters, [2]);
  assert.equal(one.committed(), 4);
});

test("what may pass is tried again with back-off, and its key waits for it", async () => {
  const tries: number[] = [];
  const one = await rig(async ([record]) => {
    tries.push(record?.offset ?? -1);
    if (tries.length < 4) throw unavailable("redis", new Error("away"));
  });
  await one.assign([0]);
  one.deliver(recordOf(0, "k"), recordOf(1, "k"));
  await one.pass(1_000);
  assert.deepEqual(tries, [0, 0, 0, 0, 1]);
  assert.deepEqual(one.letters, []);
});

test("a full queue pauses its topics and a half empty one resumes them (I6)", async () => {
  const open: (() => void)[] = [];
  const one = await rig(() => new Promise((resolve) => void open.push(resolve)), { limits: { max_in_flight: 1 } });
  await one.assign([0]);
  one.deliver(...Array.from({ length: 11 }, (_, offset) => recordOf(offset)));
  assert.ok(one.consumer.paused.has("t"));
  assert.equal(one.consumption.stats().queued, 10);
  for (let step = 0; step < 4; step += 1) {
    open.shift()?.();
    await one.pass(1);
  }
  assert.ok(one.consumer.paused.has("t"), "six are left of ten");
  for (let step = 0; step < 2; step += 1) {
    open.shift()?.();
    await one.pass(1);
  }
  assert.ok(!one.consumer.paused.has("t"));
});

test("work of a lost partition ends without a trace; a retained one keeps what it has", async () => {
  const open = new Map<number, () => void>();
  const handled: string[] = [];
  const one = await rig(async ([record]) => {
    const { partition, offset } = record as InRecord;
    handled.push(`${partition}@${offset}`);
    await new Promise<void>((resolve) => void open.set(partition, resolve));
  });
  await one.assign([0, 1]);
  one.deliver(recordOf(0, "a", 0), recordOf(1, "a", 0));
  one.deliver(recordOf(0, "a", 1));
  await one.assign([0, 1], [1]);
  for (const [, done] of open) done();
  await one.pass(200);
  assert.deepEqual(
    one.consumer.commits,
    [[{ ...tp(1), offset: 1, metadata: "" }]],
    "0@0 was done for an earlier assignment",
  );
  assert.deepEqual(handled, ["0@0", "1@0"], "0@1 was queued and is forgotten");
  one.deliver(recordOf(0, "a", 0), recordOf(1, "a", 0));
  one.deliver(recordOf(0, "a", 1));
  await one.pass(10);
  assert.deepEqual(handled, ["0@0", "1@0", "0@0"], "the lost one is done again, the retained one not");
});

test("a refused commit is made good by the next, and quiet partitions are committed again now and then", async () => {
  const one = await rig(async () => undefined);
  await one.assign([0]);
  one.consumer.refuse_commits = true;
  one.deliver(recordOf(0));
  await one.pass(350);
  one.consumer.refuse_commits = false;
  await one.pass(200);
  assert.deepEqual(one.consumer.commits, [[{ ...tp(0), offset: 1, metadata: "" }]]);
  await one.pass(3_000);
  const count = one.consumer.commits.length;
  assert.ok(count >= 2 && count <= 3, `${count} commits`);
});

test("draining waits for what is in flight, commits it, and leaves", async () => {
  const one: Rig = await rig(async () => sleepOn(() => one.clock, 300));
  await one.assign([0]);
  one.deliver(recordOf(0, "k"), recordOf(1, "k"));
  const drained = one.consumption.drain(1_000);
  one.deliver(recordOf(2, "other"));
  await one.pass(500);
  assert.equal(await drained, 0);
  assert.equal(one.committed(), 1, "1 had not started and is not started any more");
  assert.ok(one.consumer.stopped);
});

test("a handler that only waits ends when the engine drains, and its work is given up unfinished", async () => {
  const one = await rig(
    (_, { stopping }) =>
      new Promise((_, reject) => {
        stopping.addEventListener("abort", () => reject(unavailable("redis", new Error("still waiting"))));
      }),
  );
  await one.assign([0]);
  one.deliver(recordOf(0));
  const drained = one.consumption.drain(60_000);
  await one.pass(1);
  assert.equal(await drained, 0);
  assert.deepEqual([one.committed(), one.letters], [undefined, []]);
});

test("whoever asked is told of assignments, whole, and of commits that were taken", async () => {
  const told: string[] = [];
  const named = (list: readonly TopicPartition[]) => list.map(({ partition }) => partition).join();
  const one = await rig(async () => undefined, {
    onLost: (lost) => void told.push(`lost ${named(lost)}`),
    onAssigned: (all) => void told.push(`assigned ${named(all)}`),
    onCommitted: ({ partition }, offset) => void told.push(`committed ${partition}@${offset}`),
  });
  await one.assign([0, 1]);
  one.consumer.refuse_commits = true;
  one.deliver(recordOf(0), recordOf(1));
  await one.pass(150);
  one.consumer.refuse_commits = false;
  await one.pass(100);
  await one.assign([1, 2], [1]);
  assert.deepEqual(told, ["assigned 0,1", "committed 0@2", "lost 0", "assigned 1,2"]);
});

test("a consumer that falls silent is started again, and nothing that it held counts any more", async () => {
  const open: (() => void)[] = [];
  const handled: number[] = [];
  const told: string[] = [];
  const one = await rig(
    ([record]) =>
      new Promise((resolve) => {
        handled.push(record?.offset ?? -1);
        open.push(resolve);
      }),
    {
      limits: { max_in_flight: 1 },
      onLost: (lost) => void told.push(`lost ${lost.length}`),
      onAssigned: (all) => void told.push(`assigned ${all.length}`),
    },
  );
  await one.assign([0]);
  one.deliver(recordOf(0), recordOf(1));
  for (let minute = 0; minute < 5; minute += 1) {
    one.consumer.events?.alive();
    await one.pass(50_000);
  }
  assert.equal(one.consumer.restarts, 0, "a word now and then is enough");
  await one.pass(40_000);
  assert.deepEqual([one.consumer.restarts, one.consumption.stats().restarts], [1, 1]);
  assert.deepEqual([one.consumption.joined, one.consumption.stats().queued], [false, 0]);
  open[0]?.();
  await one.pass(1_000);
  assert.deepEqual(one.consumer.commits, [], "0 was done for an assignment that is gone");
  await one.assign([0]);
  one.deliver(recordOf(0), recordOf(1));
  assert.ok(one.consumption.joined);
  assert.deepEqual(handled, [0, 0]);
  assert.deepEqual(told, ["assigned 1", "lost 1", "assigned 1"]);
});

test("a restart that fails is repeated, one that hangs is overtaken, and none is begun once the engine drains", async () => {
  const one = await rig(async () => undefined);
  let outcome: "fails" | "hangs" = "fails";
  let tries = 0;
  one.consumer.restart = async () => {
    tries += 1;
    if (outcome === "fails") throw unavailable("kafka", new Error("away"));
    await new Promise(() => undefined);
  };
  await one.pass(76_000);
  assert.ok(tries > 2, `${tries} tries`);
  outcome = "hangs";
  await one.pass(1_000);
  const hung_at = tries;
  await one.pass(76_000);
  assert.equal(tries, hung_at + 1);
  await one.consumption.drain(1_000);
  await one.pass(600_000);
  assert.equal(tries, hung_at + 1);
});

test("bytes of a flooded lane leave the other lane's share alone (I6)", async () => {
  const one = await rig(() => new Promise(() => undefined), {
    topics: { t: "interactive", "t.batch": "batch" },
    limits: { max_in_flight: 1, queued_records_max: 1_000, queued_bytes_max: 30_000 },
  });
  one.consumer.events?.assigned([tp(0), { topic: "t.batch", partition: 0 }], []);
  await one.pass(1);
  const flood = Array.from({ length: 50 }, (_, offset) => ({ ...recordOf(offset), topic: "t.batch" }));
  one.deliver(...flood);
  assert.deepEqual([...one.consumer.paused], ["t.batch"]);
  one.deliver(...Array.from({ length: 10 }, (_, offset) => recordOf(offset)));
  assert.deepEqual([...one.consumer.paused], ["t.batch"]);
  one.deliver(...Array.from({ length: 20 }, (_, offset) => recordOf(10 + offset)));
  assert.deepEqual([...one.consumer.paused], ["t.batch", "t"]);
});

test("draining gives up at its deadline and says how much is left", async () => {
  const one = await rig(() => new Promise(() => undefined));
  await one.assign([0]);
  one.deliver(recordOf(0), recordOf(1));
  const drained = one.consumption.drain(1_000);
  await one.pass(1_100);
  assert.equal(await drained, 2);
  assert.equal(one.committed(), undefined);
});

test("a record given up while draining is not passed over by the rest of its batch (I2)", async () => {
  const singles: number[] = [];
  const one: Rig = await rig(
    async (records) => {
      if (records.length > 1) throw new Error("a bug somewhere in the batch");
      singles.push(records[0]?.offset ?? -1);
      await sleepOn(() => one.clock, 50);
      if (records[0]?.offset === 1) throw unavailable("kafka", new Error("away"));
    },
    { order: "fetch", commit_by: "handler", limits: { max_in_flight: 1, batch_records_max: 10 } },
  );
  await one.assign([0]);
  one.deliver(recordOf(0));
  one.deliver(recordOf(1), recordOf(2));
  await one.pass(60);
  const drained = one.consumption.drain(5_000);
  await one.pass(1_000);
  await drained;
  assert.deepEqual(singles, [0, 1], "2 would have moved the offset past 1");
});

test("under any order of completion, every record is handled once and commits never run ahead", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ key: fc.constantFrom("a", "b", "c", null), wait_ms: fc.nat(500), failures: fc.nat(2) }), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.integer({ min: 1, max: 8 }),
      async (plan, max_in_flight) => {
        const done = new Set<number>();
        const order = new Map<string, number>();
        const failures = plan.map((one) => one.failures);
        const one: Rig = await rig(
          async ([record]) => {
            const { offset, key } = record as InRecord;
            await sleepOn(() => one.clock, plan[offset]?.wait_ms ?? 0);
            failures[offset] = (failures[offset] ?? 0) - 1;
            if ((failures[offset] ?? 0) >= 0) throw unavailable("redis", new Error("away"));
            assert.ok(!done.has(offset), "once");
            if (key !== null) assert.ok((order.get(key.toString()) ?? -1) < offset, "in its key's order");
            if (key !== null) order.set(key.toString(), offset);
            done.add(offset);
          },
          { limits: { max_in_flight } },
        );
        one.consumer.commit = async (offsets) => {
          for (const { offset } of offsets) {
            for (let before = 0; before < offset; before += 1)
              assert.ok(done.has(before), `${offset} passes ${before}`);
          }
          one.consumer.commits.push([...offsets]);
        };
        await one.assign([0]);
        one.deliver(...plan.map(({ key }, offset) => recordOf(offset, key)));
        await one.pass(plan.length * 3_000);
        assert.equal(done.size, plan.length);
        assert.equal(one.committed(), plan.length);
        assert.ok(one.clock.now_ms() > START_MS);
      },
    ),
    { numRuns: 30 },
  );
});

test("its figures say what is in hand, done, left behind, and for how long it was worked on", async () => {
  const gate = Promise.withResolvers<void>();
  const waited: number[] = [];
  const { consumption, consumer, assign, deliver, pass } = await rig(() => gate.promise, {
    onOrderWait: (ms) => void waited.push(ms),
  });
  await assign([0, 1]);
  deliver(recordOf(0, "a"), recordOf(1, "b"), recordOf(2, "a"));
  consumer.events?.ends?.(tp(0), 10);
  consumer.events?.ends?.(tp(1), 5);
  await pass(50);
  const busy = consumption.stats();
  assert.deepEqual(
    { in_flight: busy.in_flight, limit: busy.in_flight_limit, done: busy.done, queued: busy.queued },
    { in_flight: 2, limit: 4, done: 0, queued: 1 },
  );
  assert.equal(busy.partitions, 2);
  // Of the other partition nothing is known but its end.
  assert.deepEqual([...busy.lag], [["t", 10]]);
  const before_ms = busy.busy_ms;
  assert.ok(before_ms >= 100);
  gate.resolve();
  await pass(10);
  const after = consumption.stats();
  assert.deepEqual([after.in_flight, after.done, after.queued], [0, 3, 0]);
  assert.deepEqual([...after.lag], [["t", 7]]);
  assert.equal(waited.length, 1);
  assert.ok((waited[0] ?? 0) >= 50);
  await consumption.drain(0);
});
