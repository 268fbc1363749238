import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { amountBetween, busiestWindow } from "../../../bench/support/windows.ts";

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
