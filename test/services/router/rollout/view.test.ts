/** Which side a request is on. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { RolloutEvent } from "../../../../libs/shared/events/control.ts";
import { RolloutBook } from "../../../../libs/shared/rollout/rollout-book.ts";
import { BookedRollouts, onNewSide } from "../../../../services/router/rollout/view.ts";
import { START_MS, stateOf } from "../../../libs/shared/rollout/states.ts";

function rolloutsOf(...states: readonly RolloutEvent[]): BookedRollouts {
  const book = new RolloutBook(() => undefined);
  for (const state of states) book.apply(state, state.at_ms);
  return new BookedRollouts(book);
}

const USERS = Array.from({ length: 2_000 }, (_, index) => `demo/user-${index}`);

describe("the side of a request", () => {
  test("is the same each time, and who is on the new side stays there when the share grows", () => {
    const percents = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(fc.string(), fc.string(), percents, percents, (name, sticky, one, other) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        if (onNewSide(name, sticky, less)) assert.ok(onNewSide(name, sticky, more));
        assert.equal(onNewSide(name, sticky, 0), false);
        assert.equal(onNewSide(name, sticky, 100), true);
      }),
    );
  });

  test("is new for about the share", () => {
    const rollouts = rolloutsOf(stateOf({ percent: 25 }));
    const now = USERS.filter((user) => rollouts.model("small", user)?.side.side === "new").length;
    assert.ok(Math.abs(now / USERS.length - 0.25) < 0.03, String(now));
  });

  test("says value, name and percentage; the old side has no value", () => {
    const rollouts = rolloutsOf(stateOf({ percent: 50 }));
    const sides = USERS.map((user) => rollouts.model("small", user));
    assert.deepEqual(
      sides.find((one) => one?.side.side === "new"),
      {
        value: "b",
        side: { name: "cheaper", side: "new", percent: 50 },
      },
    );
    assert.deepEqual(
      sides.find((one) => one?.side.side === "old"),
      {
        value: undefined,
        side: { name: "cheaper", side: "old", percent: 50 },
      },
    );
  });
});

describe("a rollout", () => {
  test("is for what it changes alone", () => {
    const prompt = stateOf({ name: "terse", percent: 100, change: { of: "prompt", tier: "small", prompt: "v2" } });
    const policy = stateOf({ name: "fitted", percent: 100, change: { of: "policy", policy_file: "/p.json" } });
    const rollouts = rolloutsOf(prompt, policy);
    assert.equal(rollouts.model("small", "x"), undefined);
    assert.equal(rollouts.prompt("large", "x"), undefined);
    assert.equal(rollouts.prompt("small", "x")?.value, "v2");
    assert.equal(rollouts.policy("x")?.value, "/p.json");
  });

  test("that is done is for all, one rolled back for none", () => {
    const done = rolloutsOf(stateOf({ status: "done", percent: 100 }));
    assert.ok(USERS.every((user) => done.model("small", user)?.value === "b"));
    const back = rolloutsOf(stateOf({ status: "rolled_back", percent: 50 }));
    assert.equal(back.model("small", "x"), undefined);
  });

  test("that is paused keeps its share", () => {
    const [running, paused] = [
      rolloutsOf(stateOf({ percent: 30 })),
      rolloutsOf(stateOf({ percent: 30, status: "paused" })),
    ];
    for (const user of USERS) assert.deepEqual(paused.model("small", user), running.model("small", user));
  });

  test("stands on one that is done: its old side has what that brought", () => {
    const done = stateOf({ name: "first", status: "done", percent: 100 });
    const change = { of: "model", tier: "small", model: "c" } as const;
    const next = stateOf({ name: "second", change, percent: 50, started_ms: START_MS + 1, at_ms: START_MS + 1 });
    const rollouts = rolloutsOf(done, next);
    const values = new Set(USERS.map((user) => JSON.stringify(rollouts.model("small", user))));
    assert.deepEqual(
      [...values].sort(),
      [
        { value: "b", side: { name: "second", side: "old", percent: 50 } },
        { value: "c", side: { name: "second", side: "new", percent: 50 } },
      ].map((one) => JSON.stringify(one)),
    );
  });
});
