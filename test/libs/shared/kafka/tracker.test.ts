import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeDone } from "../../../../libs/shared/kafka/offset-map.ts";
import { type Commit, OffsetTracker } from "../../../../libs/shared/kafka/tracker.ts";

/** The same by brute force: all that was delivered, all that is done. */
class Model {
  readonly delivered: number[] = [];
  readonly done = new Set<number>();

  base(): number | undefined {
    const [first] = this.delivered;
    if (first === undefined) return undefined;
    let base = first;
    for (const offset of this.delivered) {
      if (!this.done.has(offset)) break;
      base = offset + 1;
    }
    return base;
  }

  oldest(): number | undefined {
    return this.delivered.find((offset) => !this.done.has(offset));
  }
}

type Step = { readonly kind: "add"; readonly gap: number } | { readonly kind: "complete"; readonly pick: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant("add" as const), gap: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ kind: fc.constant("complete" as const), pick: fc.nat(1_000) }),
  ),
  { maxLength: 200 },
);

function run(tracker: OffsetTracker, model: Model, list: readonly Step[], start: number): void {
  let offset = start - 1;
  for (const step of list) {
    if (step.kind === "add") {
      offset += step.gap;
      assert.equal(tracker.add(offset, offset * 10), true);
      model.delivered.push(offset);
    } else {
      const open = model.delivered.filter((one) => !model.done.has(one));
      const picked = open[step.pick % Math.max(1, open.length)];
      if (picked === undefined) continue;
      tracker.complete(picked);
      model.done.add(picked);
    }
  }
}

test("the base is the lowest offset that is not done, whatever the gaps and the order of completion", () => {
  fc.assert(
    fc.property(steps, fc.nat(1_000), (list, start) => {
      const [tracker, model] = [new OffsetTracker(), new Model()];
      run(tracker, model, list, start);
      const base = model.base();
      const moved = base !== undefined && base > (model.delivered[0] as number);
      const beyond = model.delivered.some((offset) => base !== undefined && offset > base && model.done.has(offset));
      const commit = tracker.commit();
      assert.equal(commit?.offset, moved || beyond ? base : undefined);
      const restored = decodeDone(commit?.offset ?? 0, commit?.metadata);
      const again = new OffsetTracker();
      again.restore(restored);
      for (const offset of model.delivered) {
        if (commit === undefined || offset < commit.offset) continue;
        assert.equal(again.add(offset, 0), !model.done.has(offset), `offset ${offset} after a restart`);
      }
      assert.equal(tracker.unfinished, model.delivered.length - model.done.size);
      const oldest = model.oldest();
      assert.equal(tracker.oldest_unfinished_ms, oldest === undefined ? undefined : oldest * 10);
    }),
  );
});

test("an offset is delivered once: known ones, done or not, are refused", () => {
  const tracker = new OffsetTracker();
  assert.equal(tracker.add(5, 0), true);
  assert.equal(tracker.add(9, 0), true);
  tracker.complete(5);
  for (const known of [3, 5, 7, 9]) assert.equal(tracker.add(known, 0), false, String(known));
  assert.equal(tracker.add(10, 0), true);
});

test("what was committed is said once, and again when asked", () => {
  const tracker = new OffsetTracker();
  assert.equal(tracker.commit(true), undefined, "nothing was delivered");
  tracker.add(7, 0);
  assert.equal(tracker.commit(true), undefined, "nothing is done");
  tracker.complete(7);
  const commit = tracker.commit();
  assert.equal(commit?.offset, 8);
  assert.equal(tracker.commit()?.offset, 8, "it is said until it is known to be committed");
  tracker.committed(commit as Commit);
  assert.equal(tracker.commit(), undefined);
  assert.equal(tracker.commit(true)?.offset, 8);
  tracker.committed({ offset: 3, version: 0 });
  assert.equal(tracker.commit(), undefined, "an older answer changes nothing");
});

test("what is done beyond the base is said while the base stands still", () => {
  const tracker = new OffsetTracker();
  for (const offset of [1, 2, 3, 4]) tracker.add(offset, 0);
  tracker.complete(3);
  const commit = tracker.commit() as Commit;
  assert.equal(commit.offset, 1);
  assert.deepEqual(decodeDone(1, commit.metadata), [{ from: 3, to: 4 }]);
  tracker.committed(commit);
  assert.equal(tracker.commit(), undefined);
});

test("what an earlier member has done is not done again, and is passed on", () => {
  const tracker = new OffsetTracker();
  tracker.restore([
    { from: 11, to: 13 },
    { from: 20, to: 25 },
  ]);
  assert.deepEqual(
    [10, 11, 12, 13].map((offset) => tracker.add(offset, 0)),
    [true, false, false, true],
  );
  const { offset, metadata } = tracker.commit() as Commit;
  assert.equal(offset, 10);
  assert.deepEqual(decodeDone(10, metadata), [
    { from: 11, to: 13 },
    { from: 20, to: 25 },
  ]);
  tracker.complete(10);
  assert.equal(tracker.commit()?.offset, 13);
});

test("memory stays bounded over a long run", () => {
  const tracker = new OffsetTracker();
  for (let offset = 0; offset < 50_000; offset += 1) {
    tracker.add(offset, offset);
    if (offset >= 10) tracker.complete(offset - 10);
  }
  assert.equal(tracker.unfinished, 10);
  assert.equal(tracker.commit()?.offset, 49_990);
  assert.equal(tracker.oldest_unfinished_ms, 49_990);
});

test("marks behind the last record are passed once it is done", () => {
  const tracker = new OffsetTracker();
  tracker.add(5, 0);
  tracker.add(6, 0);
  tracker.pass(7, 8);
  tracker.complete(5);
  assert.equal(tracker.commit()?.offset, 6);
  tracker.complete(6);
  const commit = tracker.commit() as Commit;
  assert.deepEqual([commit.offset, commit.metadata], [8, ""]);
  tracker.committed(commit);
  tracker.pass(8, 9);
  assert.equal(tracker.commit()?.offset, 9);
  tracker.add(9, 0);
  assert.equal(tracker.commit()?.offset, undefined, "what is not done is not passed");
});

test("marks are passed only where all before them is known", () => {
  const fresh = new OffsetTracker();
  fresh.pass(3, 4);
  assert.equal(fresh.commit(), undefined);
  const gap = new OffsetTracker();
  gap.restore([], 10);
  gap.pass(11, 12);
  assert.equal(gap.commit(), undefined);
  gap.pass(10, 11);
  assert.equal(gap.commit()?.offset, 11, "behind what an earlier member committed");
});
