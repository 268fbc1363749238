/** Which partitions are made and dropped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { addDays, DAYS_AHEAD, partitionOf, planDays } from "../../../services/results/days.ts";

const TODAY = "2026-03-01";
const all = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => partitionOf(addDays(TODAY, from + at)));

test("an empty table gets today and the days to come", () => {
  const plan = planDays(["sluice_results_default"], TODAY, 30);
  assert.deepEqual(plan.make, ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]);
  assert.deepEqual(plan.drop, []);
});

test("a day is dropped once it is more than keep_days ago, the oldest first", () => {
  const plan = planDays([...all(-3, DAYS_AHEAD).toReversed(), "sluice_results_default", "other"], TODAY, 1);
  assert.deepEqual(plan, { make: [], drop: ["2026-02-26", "2026-02-27"], from: "2026-02-28" });
});

test("a day that was left out in the past is not made again", () => {
  assert.deepEqual(planDays(all(0, DAYS_AHEAD), TODAY, 30).make, []);
});
