/** The latest state of each rollout. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RolloutEvent } from "../../../../libs/shared/events/control.ts";
import { CONTROLLER, RolloutBook } from "../../../../libs/shared/rollout/rollout-book.ts";
import { START_MS, stateOf } from "./states.ts";

const bookOf = (...states: readonly RolloutEvent[]): RolloutBook => {
  const book = new RolloutBook(() => undefined);
  for (const state of states) book.apply(state, state.at_ms);
  return book;
};
const later = (more: Partial<RolloutEvent>, by_ms = 1) => stateOf({ at_ms: START_MS + by_ms, ...more });

describe("the book of rollouts", () => {
  test("has the later record of a name, the latest start first", () => {
    const other = stateOf({ name: "other", started_ms: START_MS + 9, at_ms: START_MS + 9 });
    const book = bookOf(stateOf(), other, later({ percent: 25 }));
    assert.deepEqual(
      book.all().map(({ state }) => [state.name, state.percent]),
      [
        ["other", 10],
        ["cheaper", 25],
      ],
    );
  });

  test("passes over what was overtaken, and takes what is told again as the same", () => {
    const book = bookOf(later({ percent: 25 }));
    assert.equal(book.apply(stateOf(), START_MS + 100), false);
    assert.equal(book.get("cheaper")?.state.percent, 25);
    assert.equal(book.apply(later({ percent: 25 }), START_MS + 500), true);
    assert.equal(book.get("cheaper")?.written_ms, START_MS + 500);
  });

  test("what a router moves by itself never overrules a person", () => {
    const moved = later({ percent: 25, by: CONTROLLER }, 5);
    for (const [state, taken] of [
      [stateOf(), true],
      [stateOf({ status: "paused" }), false],
      [stateOf({ status: "rolled_back" }), false],
      [stateOf({ automatic: false }), false],
      [stateOf({ started_ms: START_MS - 1 }), false],
    ] as const) {
      assert.equal(bookOf(state).apply(moved, moved.at_ms), taken, JSON.stringify(state));
    }
    // What is told again is its own word, whatever it says.
    const done = later({ status: "done", percent: 100, by: CONTROLLER });
    assert.equal(bookOf(done).apply(done, START_MS + 1_000), true);
  });

  test("ignores what cannot be, says so once, and keeps what was", () => {
    const told: string[] = [];
    const book = new RolloutBook(
      ({ percent }) => (percent === 66 ? "no such thing" : undefined),
      ({ name }, why) => told.push(`${name}: ${why}`),
    );
    book.apply(stateOf(), START_MS);
    const bad = later({ percent: 66 });
    assert.equal(book.apply(bad, 1), false);
    assert.equal(book.apply(bad, 2), false);
    assert.deepEqual(told, ["cheaper: no such thing"]);
    assert.equal(book.get("cheaper")?.state.percent, 10);
  });

  test("finds what is being rolled out of the same thing", () => {
    const book = bookOf(stateOf({ status: "paused" }), stateOf({ name: "ended", status: "done", percent: 100 }));
    assert.equal(book.underWay("model small")?.name, "cheaper");
    assert.equal(book.underWay("model large"), undefined);
    assert.equal(bookOf(stateOf({ status: "done" })).underWay("model small"), undefined);
  });

  test("is bounded: of too many names, those rolled back longest ago go", () => {
    const book = new RolloutBook(() => undefined);
    for (let at = 0; at < 1_001; at += 1) {
      const status = at % 2 === 0 ? "rolled_back" : "done";
      book.apply(stateOf({ name: `r${at}`, status, at_ms: START_MS + at }), START_MS + at);
    }
    assert.equal(book.all().length, 1_000);
    assert.equal(book.get("r0"), undefined);
    assert.notEqual(book.get("r1"), undefined);
  });
});
