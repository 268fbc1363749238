import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { amountBetween, busiestWindow, orderBreaks, steadyRate } from "../../../bench/inference/windows.ts";

describe("the busiest window", () => {
  test("is as long as asked for, its end left out", () => {
    const amounts = [0, 50, 100, 149].map((at_ms) => ({ at_ms, amount: 1 }));
    assert.equal(busiestWindow(amounts, 100), 3);
    assert.equal(busiestWindow(amounts, 50), 2);
    assert.equal(busiestWindow([], 100), 0);
  });

  test("is the most of all windows that begin with an amount", () => {
    const steps = fc.array(fc.record({ at_ms: fc.nat(500), amount: fc.nat(9) }), { maxLength: 40 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 200 }), (unsorted, window_ms) => {
        const amounts = unsorted.toSorted((one, other) => one.at_ms - other.at_ms);
        const held = amounts.map(({ at_ms }) => amountBetween(amounts, at_ms, at_ms + window_ms));
        assert.equal(busiestWindow(amounts, window_ms), Math.max(0, ...held));
      }),
    );
  });
});

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
