import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Timeline } from "../../../tools/mock-llm/timeline.ts";

describe("the timeline", () => {
  test("counts calls and their tokens where the call came, by model and in all", () => {
    const timeline = new Timeline();
    timeline.call(1_000, "a");
    timeline.call(1_250, "b");
    timeline.call(1_299, "a");
    timeline.spend(1_000, "a", 7);
    timeline.spend(1_299, "a", 5);
    assert.deepEqual(timeline.snapshot("a"), {
      step_ms: 100,
      steps: [
        { at_ms: 1_000, calls: 1, tokens: 7 },
        { at_ms: 1_200, calls: 1, tokens: 5 },
      ],
    });
    assert.deepEqual(timeline.snapshot(undefined).steps.at(-1), { at_ms: 1_200, calls: 2, tokens: 5 });
    assert.deepEqual(timeline.snapshot("c").steps, []);
    timeline.clear();
    assert.deepEqual(timeline.snapshot(undefined).steps, []);
  });

  test("keeps an hour of steps", () => {
    const timeline = new Timeline();
    for (let step = 0; step < 36_010; step += 1) timeline.call(step * 100, "a");
    const { steps } = timeline.snapshot(undefined);
    assert.equal(steps.length, 36_000);
    assert.equal(steps[0]?.at_ms, 1_000);
  });

  test("counts models beyond the sixteenth of a step as other", () => {
    const timeline = new Timeline();
    for (let model = 0; model < 20; model += 1) timeline.call(0, `m${model}`);
    assert.equal(timeline.snapshot("other").steps[0]?.calls, 4);
    assert.equal(timeline.snapshot(undefined).steps[0]?.calls, 20);
  });
});
