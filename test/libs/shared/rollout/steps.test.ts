/** What a person does to a rollout. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RolloutEvent } from "../../../../libs/shared/events/control.ts";
import { RolloutBook } from "../../../../libs/shared/rollout/rollout-book.ts";
import { type Start, type Step, started, stepped } from "../../../../libs/shared/rollout/steps.ts";
import { START_MS, stateOf } from "./states.ts";

const settings = { stages: [10, 25, 50, 100], automatic: true };
const NOW_MS = START_MS + 1_000;

const begin = (known: readonly RolloutEvent[] = [], more: Partial<Start> = {}) => {
  const book = new RolloutBook(() => undefined);
  for (const state of known) book.apply(state, state.at_ms);
  const change = { of: "model", tier: "small", model: "b" } as const;
  return started(book, settings, { name: "new", change, manual: false, by: "me", now_ms: NOW_MS, ...more });
};

describe("starting", () => {
  test("begins with the first stage, by itself", () => {
    const { percent, automatic, status, started_ms, stage_ms, at_ms } = begin();
    assert.deepEqual([percent, automatic, status], [10, true, "running"]);
    assert.deepEqual([started_ms, stage_ms, at_ms], [NOW_MS, NOW_MS, NOW_MS]);
  });

  test("takes another percentage, and moving by hand alone", () => {
    const { percent, automatic } = begin([], { percent: 3, manual: true });
    assert.deepEqual([percent, automatic], [3, false]);
  });

  test("takes the name of one that has ended, after it in time whatever the clock says", () => {
    const ended = stateOf({ name: "new", status: "rolled_back", at_ms: NOW_MS + 50 });
    assert.equal(begin([ended]).at_ms, NOW_MS + 51);
  });

  const refused: readonly (readonly [string, Parameters<typeof begin>, RegExp])[] = [
    ["a name that is none", [[], { name: "A b" }], /no name/],
    ["a name that is taken", [[stateOf({ name: "new" })]], /rollout new .* is at 10 % and running/],
    ["what another rolls out", [[stateOf({ status: "paused" })]], /rollout cheaper .*paused/],
  ];
  for (const [what, given, message] of refused) {
    test(`refuses ${what}`, () => assert.throws(() => begin(...given), { code: "usage", message }));
  }

  test("is free for another tier, and beside what is done", () => {
    const change = { of: "model", tier: "large", model: "x" } as const;
    assert.equal(begin([stateOf()], { change }).name, "new");
    assert.equal(begin([stateOf({ status: "done" })]).name, "new");
  });
});

describe("a step", () => {
  const running = stateOf({ why: "it was good" });
  const paused = stateOf({ status: "paused" });
  const done = stateOf({ status: "done", percent: 100 });
  const back = stateOf({ status: "rolled_back" });
  const taken: readonly (readonly [RolloutEvent, Step, Partial<RolloutEvent>])[] = [
    [running, { kind: "move", percent: 25 }, { status: "running", percent: 25, stage_ms: NOW_MS }],
    [running, { kind: "move", percent: 5 }, { status: "running", percent: 5 }],
    [paused, { kind: "move", percent: 25 }, { status: "running", percent: 25 }],
    [running, { kind: "pause" }, { status: "paused", percent: 10, stage_ms: START_MS }],
    [paused, { kind: "resume" }, { status: "running", percent: 10, stage_ms: NOW_MS }],
    [running, { kind: "rollback" }, { status: "rolled_back" }],
    [paused, { kind: "rollback" }, { status: "rolled_back" }],
    [done, { kind: "rollback" }, { status: "rolled_back" }],
    [running, { kind: "finish" }, { status: "done", percent: 100 }],
    [paused, { kind: "finish" }, { status: "done", percent: 100 }],
  ];
  for (const [state, step, expected] of taken) {
    test(`${step.kind} of one that is ${state.status} is ${JSON.stringify(expected)}`, () => {
      const next = stepped(state, step, "me", NOW_MS);
      for (const [field, value] of Object.entries(expected))
        assert.equal(next[field as keyof RolloutEvent], value, field);
      assert.deepEqual([next.at_ms, next.by, next.why, next.started_ms], [NOW_MS, "me", undefined, START_MS]);
    });
  }

  const refused: readonly (readonly [RolloutEvent, Step])[] = [
    [running, { kind: "move", percent: 10 }],
    [running, { kind: "resume" }],
    [paused, { kind: "pause" }],
    [done, { kind: "finish" }],
    [done, { kind: "move", percent: 50 }],
    [back, { kind: "rollback" }],
    [back, { kind: "resume" }],
  ];
  for (const [state, step] of refused) {
    test(`${step.kind} of one that is ${state.status} is refused`, () => {
      assert.throws(() => stepped(state, step, "me", NOW_MS), { code: "usage" });
    });
  }

  test("comes after the state it follows, whatever the clock says", () => {
    assert.equal(stepped(running, { kind: "pause" }, "me", 0).at_ms, START_MS + 1);
  });
});
