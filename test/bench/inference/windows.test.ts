import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { orderBreaks, steadyRate } from "../../../bench/inference/windows.ts";

describe("the steady rate", () => {
  test("of calls that end in rounds does not depend on where the window begins", () => {
    const times = Array.from({ length: 20 * 4 }, (_, at) => Math.floor(at / 4) * 500);
    for (const from_ms of [0, 1, 499, 700]) assert.equal(steadyRate(times, from_ms, 9_000, 4), 8);
  });

  test("is none without a whole round", () => {
    assert.equal(steadyRate([1, 2, 3], 0, 10, 4), 0);
    assert.equal(steadyRate([], 0, 10, 1), 0);
  });
});

describe("breaks of a session's order", () => {
  const call = (session: string, index: number, dispatched_ms: number) => ({
    session,
    index,
    dispatched_ms,
    completed_ms: dispatched_ms + 10,
  });

  test("sessions stand side by side, their calls one after the other", () => {
    assert.equal(orderBreaks([call("a", 0, 0), call("b", 0, 0), call("a", 1, 10), call("b", 1, 12)]), 0);
  });

  test("a call left out, out of turn, repeated or begun too early is one", () => {
    assert.equal(orderBreaks([call("a", 0, 0), call("a", 2, 10)]), 1);
    assert.equal(orderBreaks([call("a", 1, 0)]), 1);
    assert.equal(orderBreaks([call("a", 0, 0), call("a", 0, 10)]), 1);
    assert.equal(orderBreaks([call("a", 0, 0), call("a", 1, 9)]), 1);
  });
});
