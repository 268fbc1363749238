/** A state that is told of twice is one state; what a retry goes through again is new. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FollowedState } from "../../../../libs/shared/redis/request-events.ts";
import { StateHistory } from "../../../../services/gateway/streams/state-history.ts";

const ADMITTED = { state: "admitted" } as const;
const ROUTED = { state: "routed", tier: "small", model: "m", cache: "miss" } as const;
const STARTED = { state: "started", attempt: 1 } as const;
const RETRYING = { state: "retrying", round: 1, due_ms: 5 } as const;
const DEFERRED = { state: "deferred", until_ms: 5 } as const;
const ENDED = { state: "ended", status: "succeeded" } as const;

function shown(...states: readonly FollowedState[]): readonly FollowedState[] {
  const history = new StateHistory();
  return states.filter((state) => history.isNew(state));
}

test("work that was done twice is shown once, also out of its order", () => {
  const states = [
    ADMITTED,
    ROUTED,
    { ...ADMITTED, rate_room: "x" },
    STARTED,
    { ...ROUTED, cache: "bypass" },
    STARTED,
    ENDED,
  ];
  assert.deepEqual(shown(...states, { ...ENDED, status: "failed" }), [ADMITTED, ROUTED, STARTED, ENDED]);
});

test("another tier and another attempt are news", () => {
  const states = [ADMITTED, ROUTED, STARTED, { ...STARTED, attempt: 2 }, { ...ROUTED, tier: "large" }, ENDED];
  assert.deepEqual(shown(...states), states);
});

test("after a wait all of it comes again; a wait that is told of twice is one", () => {
  const again = [ADMITTED, ROUTED, STARTED];
  const states = [...again, RETRYING, ...again, { ...RETRYING, round: 2 }, DEFERRED, ...again, ENDED];
  assert.deepEqual(shown(...states), states);
  assert.deepEqual(shown(...again, RETRYING, ...again, { ...RETRYING, due_ms: 9 }, ...again), [
    ...again,
    RETRYING,
    ...again,
  ]);
});
