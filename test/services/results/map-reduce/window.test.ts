/** What follows from how the items stand. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ItemResult } from "../../../../libs/shared/jobs/job.ts";
import { jobRequestId } from "../../../../libs/shared/jobs/job.ts";
import { ASKING_FIRST, type AskingState } from "../../../../libs/shared/map-reduce/job.ts";
import { answersPerGroup, grouped } from "../../../../services/results/map-reduce/grouping.ts";
import { type Looked, see } from "../../../../services/results/map-reduce/window.ts";

const JOB = "mr_1";
const row = (item: number, status?: string, tries = 1, leader = item): ItemResult => ({
  ...{ wave: 0, item, request_id: jobRequestId(JOB, 0, leader, tries), at: 0, bytes: 1, tries },
  ...(status === undefined ? {} : { status }),
});
const UNBILLED = { final: false, may_be_billed: false };

function seen(
  rows: readonly ItemResult[],
  more: Omit<Partial<Looked>, "asking"> & { readonly asking?: Partial<AskingState> } = {},
) {
  const failing = new Map(rows.filter(({ status }) => status === "failed").map(({ item }) => [item, UNBILLED]));
  return see({
    ...{ job: JOB, rows, failing, leader_tries: new Map(), tries: { round: 1, per_round: 2, closing: false } },
    ...more,
    asking: { ...ASKING_FIRST, cursor: rows.length, ...more.asking },
  });
}

describe("items that are looked at", () => {
  test("the floor passes what has ended, and stops at what has not", () => {
    const { asking, succeeded } = seen([row(0, "succeeded"), row(1), row(2, "succeeded")], {
      asking: {
        under_way: [
          [0, 1, 5],
          [1, 1, 6],
          [2, 1, 7],
        ],
      },
    });
    assert.deepEqual([asking.floor, asking.succeeded, succeeded], [1, 1, 2]);
    assert.deepEqual(asking.under_way, [[1, 1, 6]]);
  });

  test("one that failed is asked again as another request, then has failed for good", () => {
    const first = seen([row(0, "failed")], { asking: { under_way: [[0, 1, 5]] } });
    assert.deepEqual(first.again, [{ wave: 0, item: 0, request_id: `${JOB}.0.0.t2`, tries: 2 }]);
    assert.deepEqual([first.to_write, first.failed, first.lost_nusd], [[{ item: 0, tries: 2 }], 0, 0]);
    assert.equal(seen([row(0, "failed", 2)], { asking: { under_way: [[0, 2, 5]] } }).failed, 1);
    const final = new Map([[0, { final: true, may_be_billed: true }]]);
    const refused = seen([row(0, "failed")], { failing: final, asking: { under_way: [[0, 1, 5]] } });
    assert.deepEqual([refused.failed, refused.lost_nusd], [1, 5]);
  });

  test("after a crash between asking again and saving it, the try before counts as billed", () => {
    const after = seen([row(0, undefined, 2)], { asking: { under_way: [[0, 1, 5]] } });
    assert.deepEqual([after.to_write, after.lost_nusd, after.asking.under_way], [[{ item: 0, tries: 2 }], 5, []]);
  });

  test("another round asks again for all that failed, whatever it was", () => {
    const tries = { round: 2, per_round: 2, closing: false };
    const final = new Map([[0, { final: true, may_be_billed: false }]]);
    assert.deepEqual(seen([row(0, "rejected")], { failing: final, tries }).to_write, [{ item: 0, tries: 3 }]);
    assert.equal(seen([row(0, "rejected", 3)], { failing: final, tries }).failed, 1);
  });

  test("those with the text of another follow it: in the same look, and when it was asked long ago", () => {
    const both = seen([row(0, "failed"), row(1, "failed", 1, 0)], { asking: { under_way: [[0, 1, 5]] } });
    assert.deepEqual(
      both.again.map(({ item, request_id }) => [item, request_id]),
      [
        [0, `${JOB}.0.0.t2`],
        [1, `${JOB}.0.0.t2`],
      ],
    );
    assert.deepEqual(both.to_write, [{ item: 0, tries: 2 }]);
    const behind = { asking: { floor: 9, cursor: 10 }, leader_tries: new Map([[0, 2]]) };
    assert.deepEqual(seen([row(9, "failed", 1, 0)], behind).again[0]?.request_id, `${JOB}.0.0.t2`);
    const lost = { ...behind, leader_tries: new Map([[0, 1]]) };
    assert.equal(seen([row(9, "failed", 1, 0)], lost).failed, 1);
  });

  test("a job that is to end asks nothing again", () => {
    const closing = { round: 1, per_round: 2, closing: true };
    const { again, failed } = seen([row(0, "failed")], { tries: closing, asking: { under_way: [[0, 1, 5]] } });
    assert.deepEqual([again, failed], [[], 1]);
  });
});

describe("groups of answers", () => {
  test("hold every answer once, as many as they may, and become fewer each wave", () => {
    const sizes = fc.array(fc.nat(400), { minLength: 2, maxLength: 200 });
    fc.assert(
      fc.property(
        sizes,
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 10, max: 1_000 }),
        (bytes, fan_in, tokens_max) => {
          const limits = { answers_max: answersPerGroup(bytes.length, fan_in), tokens_max };
          const groups: NonNullable<ReturnType<typeof grouped>["closed"]>[] = [];
          let open: ReturnType<typeof grouped>["open"] | undefined;
          for (const [item, size] of bytes.entries()) {
            const put = grouped(open, { item, bytes: size }, limits);
            open = put.open;
            if (put.closed !== undefined) groups.push(put.closed);
          }
          if (open !== undefined) groups.push(open);
          assert.deepEqual(
            groups.flatMap(({ first, last }) => [first, last]).toSorted((one, two) => one - two),
            groups.flatMap(({ first, last }) => [first, last]),
          );
          assert.equal(
            groups.reduce((sum, { answers }) => sum + answers, 0),
            bytes.length,
          );
          assert.ok(groups.length < bytes.length);
          for (const group of groups) {
            assert.ok(group.answers <= fan_in);
            assert.ok(group.answers <= 2 || group.bytes <= 4 * tokens_max);
          }
        },
      ),
    );
    assert.deepEqual([answersPerGroup(11, 10), answersPerGroup(10, 10), answersPerGroup(0, 10)], [6, 10, 0]);
  });
});
