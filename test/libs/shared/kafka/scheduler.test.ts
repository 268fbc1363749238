import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LaneName, Scheduler, type Task } from "../../../../libs/shared/kafka/scheduler.ts";

type Hints = Partial<Pick<Task, "tenant" | "deadline_ms">>;

function taskOf(
  offset: number,
  key: string | null,
  lane: LaneName = "interactive",
  partition = 0,
  { tenant = "", deadline_ms = Number.POSITIVE_INFINITY }: Hints = {},
): Task {
  const record = {
    topic: `t.${lane}`,
    partition,
    offset,
    key: key === null ? null : Buffer.from(key),
    value: null,
    headers: {},
    timestamp_ms: 0,
  };
  return { record, lane, bytes: 10, arrival: offset, tenant, deadline_ms };
}

/** Everything that can run now, one by one. */
function takeAll(scheduler: Scheduler): Task[] {
  const all: Task[] = [];
  for (let batch = scheduler.take(1, 1_000); batch.length > 0; batch = scheduler.take(1, 1_000)) all.push(...batch);
  return all;
}

const weights = { interactive: 3, batch: 1 };

const commands = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("add" as const),
        key: fc.constantFrom("a", "b", "c", null),
        tenant: fc.constantFrom("x", "y"),
        deadline_ms: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("next" as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("done" as const), pick: fc.nat(100) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), key: fc.constantFrom("a", "b", "c") }) },
  ),
  { maxLength: 120 },
);

test("by key: one at a time and in order per key, nothing is lost and what can run is run", () => {
  fc.assert(
    fc.property(commands, (list) => {
      const scheduler = new Scheduler({ order: "key", lane_weights: weights });
      const queued: Task[] = [];
      const running: Task[] = [];
      const keyOf = (task: Task): string | undefined => task.record.key?.toString();
      const isFree = (task: Task): boolean => {
        const key = keyOf(task);
        if (key === undefined) return true;
        return !running.some((one) => keyOf(one) === key) && queued.find((one) => keyOf(one) === key) === task;
      };
      for (const [offset, command] of list.entries()) {
        if (command.kind === "add") {
          const lane = offset % 3 === 0 ? "batch" : "interactive";
          // One key lives in one topic here, so that the model need not know topics.
          const task = taskOf(offset, command.key === null ? null : `${command.key}-${lane}`, lane, 0, command);
          scheduler.add(task);
          queued.push(task);
        } else if (command.kind === "next") {
          const [task] = scheduler.take(1, 1_000);
          assert.equal(task === undefined, !queued.some(isFree), "runs when something can");
          if (task === undefined) continue;
          assert.ok(isFree(task), "in its key's order, alone");
          const rivals = queued.filter((one) => isFree(one) && one.lane === task.lane && one.tenant === task.tenant);
          const [first] = rivals.sort((one, other) =>
            one.deadline_ms === other.deadline_ms ? one.arrival - other.arrival : one.deadline_ms - other.deadline_ms,
          );
          assert.equal(task, first, "of its tenant's, the earliest deadline, then the first to come");
          queued.splice(queued.indexOf(task), 1);
          running.push(task);
        } else if (command.kind === "done" && running.length > 0) {
          const [task] = running.splice(command.pick % running.length, 1);
          scheduler.release([task as Task]);
        } else if (command.kind === "lose") {
          const keep = (task: Task): boolean => !keyOf(task)?.startsWith(command.key);
          scheduler.retain(keep);
          queued.splice(0, queued.length, ...queued.filter(keep));
        }
        assert.equal(scheduler.queued, queued.length);
        assert.equal(scheduler.queued_bytes, queued.length * 10);
        assert.equal(scheduler.queuedIn("batch").records, queued.filter(({ lane }) => lane === "batch").length);
      }
    }),
  );
});

test("by fetch: everything in the order it came", () => {
  const scheduler = new Scheduler({ order: "fetch", lane_weights: weights });
  for (let offset = 0; offset < 5; offset += 1) scheduler.add(taskOf(offset, "same"));
  const order = Array.from({ length: 5 }, () => scheduler.take(1, 1_000)[0]?.record.offset);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  assert.deepEqual(scheduler.take(1, 1_000), []);
});

test("by fetch: tenants take turns, each in the order its records came, and a key's order holds across tenants", () => {
  const add = fc.record({
    key: fc.constantFrom("a", "b", null),
    tenant: fc.constantFrom("x", "y", "z"),
    deadline_ms: fc.constantFrom(1, Number.POSITIVE_INFINITY),
  });
  fc.assert(
    fc.property(
      fc.array(add, { maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(3),
      (list, records_max, lost) => {
        const scheduler = new Scheduler({ order: "fetch", lane_weights: weights });
        const keep = ({ record }: Task): boolean => record.offset % 4 !== lost;
        const tasks = list.map((hints, offset) => taskOf(offset, hints.key, "interactive", 0, hints));
        for (const task of tasks) scheduler.add(task);
        scheduler.retain(keep);
        const out: Task[] = [];
        for (
          let batch = scheduler.take(records_max, 1_000);
          batch.length > 0;
          batch = scheduler.take(records_max, 1_000)
        ) {
          out.push(...batch);
          scheduler.release(batch);
        }
        const ascending = (numbers: readonly number[]): boolean =>
          numbers.every((one, at) => one > (numbers[at - 1] ?? -1));
        assert.deepEqual(new Set(out), new Set(tasks.filter(keep)));
        assert.equal(out.length, tasks.filter(keep).length);
        for (const of_key of Map.groupBy(out, ({ record }) => record.key?.toString()).entries())
          if (of_key[0] !== undefined) assert.ok(ascending(of_key[1].map(({ arrival }) => arrival)));
        const keyless = out.filter(({ record }) => record.key === null);
        for (const of_tenant of Map.groupBy(keyless, ({ tenant }) => tenant).values())
          assert.ok(ascending(of_tenant.map(({ arrival }) => arrival)));
        assert.deepEqual([scheduler.queued, scheduler.queued_bytes], [0, 0]);
      },
    ),
  );
});

for (const order of ["key", "fetch"] as const) {
  test(`by ${order}: one tenant's flood does not stand in front of another's single record`, () => {
    const scheduler = new Scheduler({ order, lane_weights: weights });
    for (let offset = 0; offset < 20_000; offset += 1)
      scheduler.add(taskOf(offset, `f-${offset}`, "interactive", 0, { tenant: "flood" }));
    for (let count = 0; count < 7; count += 1) scheduler.take(1, 1_000);
    scheduler.add(taskOf(20_000, "single", "interactive", 0, { tenant: "other" }));
    const next = [...scheduler.take(1, 1_000), ...scheduler.take(1, 1_000)];
    assert.ok(next.some(({ tenant }) => tenant === "other"));
  });
}

test("tenants get turns by their weight", () => {
  const heavy = (tenant: string): number => (tenant === "heavy" ? 3 : 1);
  const scheduler = new Scheduler({ order: "key", lane_weights: weights, tenant_weight: heavy });
  for (let offset = 0; offset < 40; offset += 1)
    scheduler.add(taskOf(offset, `${offset}`, "interactive", 0, { tenant: offset % 2 === 0 ? "heavy" : "light" }));
  const first = Array.from({ length: 16 }, () => scheduler.take(1, 1_000)[0]?.tenant);
  assert.equal(first.filter((tenant) => tenant === "heavy").length, 12);
});

test("by key: what waits behind another of its line keeps its place among its tenant's, and its deadline counts at the front", () => {
  const scheduler = new Scheduler({ order: "key", lane_weights: weights });
  const [head, late, urgent] = [
    taskOf(0, "s"),
    taskOf(2, "other"),
    taskOf(1, "s", "interactive", 0, { deadline_ms: 1 }),
  ];
  for (const task of [head, urgent, late]) scheduler.add(task);
  assert.deepEqual(takeAll(scheduler), [head, late], "the urgent one waits for its line");
  scheduler.add(taskOf(3, "third"));
  scheduler.release([head]);
  assert.equal(scheduler.take(1, 1_000)[0], urgent);
});

test("a full batch lane takes its share and no more; alone it takes all", () => {
  const scheduler = new Scheduler({ order: "fetch", lane_weights: weights });
  for (let offset = 0; offset < 40; offset += 1) scheduler.add(taskOf(offset, null, "batch"));
  for (let offset = 0; offset < 12; offset += 1) scheduler.add(taskOf(offset, null, "interactive"));
  const lanes = Array.from({ length: 16 }, () => scheduler.take(1, 1_000)[0]?.lane);
  assert.equal(lanes.filter((lane) => lane === "interactive").length, 12);
  assert.equal(lanes.filter((lane) => lane === "batch").length, 4);
  assert.equal(scheduler.take(1, 1_000)[0]?.lane, "batch");
});

test("the same key in another partition is another key", () => {
  const scheduler = new Scheduler({ order: "key", lane_weights: weights });
  scheduler.add(taskOf(0, "k", "interactive", 0));
  scheduler.add(taskOf(0, "k", "interactive", 1));
  assert.equal(scheduler.take(10, 1_000).length, 2);
});

test("a batch is bounded in records and bytes, and holds at least one", () => {
  const scheduler = new Scheduler({ order: "fetch", lane_weights: weights });
  for (let offset = 0; offset < 6; offset += 1) scheduler.add(taskOf(offset, null));
  assert.equal(scheduler.take(2, 1_000).length, 2);
  assert.equal(scheduler.take(10, 25).length, 3, "the one that meets the bound is the last");
  assert.equal(scheduler.take(10, 1).length, 1);
});

test("by partition: batches of one partition, one at a time and in order, partitions beside each other", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(2), { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.nat(10), { maxLength: 60 }),
      (partitions, records_max, ends) => {
        const scheduler = new Scheduler({ order: "partition", lane_weights: weights });
        for (const [offset, partition] of partitions.entries())
          scheduler.add(taskOf(offset, "k", "interactive", partition));
        const seen: number[][] = [[], [], []];
        const running: Task[][] = [];
        const start = (): void => {
          for (
            let batch = scheduler.take(records_max, 1_000);
            batch.length > 0;
            batch = scheduler.take(records_max, 1_000)
          ) {
            const partition = batch[0]?.record.partition ?? 0;
            assert.ok(batch.every(({ record }) => record.partition === partition));
            assert.ok(!running.some(([one]) => one?.record.partition === partition), "one batch a partition");
            seen[partition]?.push(...batch.map(({ record }) => record.offset));
            running.push(batch);
          }
        };
        start();
        for (let step = 0; running.length > 0; step += 1) {
          const [batch] = running.splice((ends[step] ?? 0) % running.length, 1);
          scheduler.release(batch ?? []);
          start();
        }
        for (const partition of [0, 1, 2]) {
          const expected = [...partitions.keys()].filter((offset) => partitions[offset] === partition);
          assert.deepEqual(seen[partition], expected);
        }
        assert.equal(scheduler.queued + scheduler.queued_bytes, 0);
      },
    ),
  );
});

test("by partition: partitions take turns, whoever's records they are and however long they have waited", () => {
  const scheduler = new Scheduler({ order: "partition", lane_weights: weights });
  for (let offset = 0; offset < 40; offset += 1)
    scheduler.add(
      taskOf(offset, null, "interactive", offset < 30 ? 0 : 1, { tenant: `${offset}`, deadline_ms: 100 - offset }),
    );
  const turns: number[] = [];
  for (let turn = 0; turn < 6; turn += 1) {
    const batch = scheduler.take(2, 1_000);
    turns.push(batch[0]?.record.partition ?? -1);
    scheduler.release(batch);
  }
  assert.deepEqual(turns, [0, 1, 0, 1, 0, 1]);
});
