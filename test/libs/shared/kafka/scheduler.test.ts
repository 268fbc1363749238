import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type LaneName, Scheduler, type Task } from "../../../../libs/shared/kafka/scheduler.ts";

function taskOf(offset: number, key: string | null, lane: LaneName = "interactive", partition = 0): Task {
  const record = {
    topic: `t.${lane}`,
    partition,
    offset,
    key: key === null ? null : Buffer.from(key),
    value: null,
    headers: {},
    timestamp_ms: 0,
  };
  return { record, lane, bytes: 10, arrival: offset, tenant: "", deadline_ms: Number.POSITIVE_INFINITY };
}

const weights = { interactive: 3, batch: 1 };

const commands = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("add" as const), key: fc.constantFrom("a", "b", "c", null) }),
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
          const task = taskOf(offset, command.key === null ? null : `${command.key}-${lane}`, lane);
          scheduler.add(task);
          queued.push(task);
        } else if (command.kind === "next") {
          const [task] = scheduler.take(1, 1_000);
          assert.equal(task === undefined, !queued.some(isFree), "runs when something can");
          if (task === undefined) continue;
          assert.ok(isFree(task), "in its key's order, alone");
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
