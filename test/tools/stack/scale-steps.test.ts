/** Which instances start and stop. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Instance, scaleSteps } from "../../../tools/stack/scale-steps.ts";

const up = (...numbers: number[]): Instance[] => numbers.map((number) => ({ number, stopping: false }));

describe("steps to what is desired", () => {
  test("start the lowest numbers that are free", () => {
    assert.deepEqual(scaleSteps([], 2), { start: [1, 2], stop: [] });
    assert.deepEqual(scaleSteps(up(1, 3), 4), { start: [2, 4], stop: [] });
  });

  test("stop the newest first, whatever their numbers", () => {
    assert.deepEqual(scaleSteps(up(1, 3, 2), 1), { start: [], stop: [2, 3] });
    assert.deepEqual(scaleSteps(up(1), 0), { start: [], stop: [1] });
  });

  test("change nothing where there are as many", () => {
    assert.deepEqual(scaleSteps(up(1, 2), 2), { start: [], stop: [] });
  });

  test("count who is ending as gone, and leave its number to it", () => {
    const instances = [...up(1), { number: 2, stopping: true }];
    assert.deepEqual(scaleSteps(instances, 1), { start: [], stop: [] });
    assert.deepEqual(scaleSteps(instances, 2), { start: [3], stop: [] });
  });
});
