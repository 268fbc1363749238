/** Limits of a probability. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { upperLimit } from "../../../libs/shared/binomial.ts";

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 5e-4, `${actual}`);

describe("the upper limit", () => {
  test("is the one of the tables", () => {
    // None of n: 1 - 0.05^(1/n). The others: beta quantiles at 0.95 of (k + 1, n - k).
    near(upperLimit(0, 149, 0.95), 1 - 0.05 ** (1 / 149));
    near(upperLimit(0, 10, 0.95), 0.2589);
    near(upperLimit(1, 10, 0.95), 0.3942);
    near(upperLimit(5, 100, 0.95), 0.1023);
  });

  test("of nothing seen, and of nothing but successes, is 1", () => {
    assert.equal(upperLimit(0, 0, 0.95), 1);
    assert.equal(upperLimit(7, 7, 0.95), 1);
  });

  test("is above what was seen, grows with it, and shrinks with more trials", () => {
    const trials = fc.integer({ min: 2, max: 300 });
    fc.assert(
      fc.property(trials, fc.nat(), (of, some) => {
        const successes = some % (of - 1);
        const limit = upperLimit(successes, of, 0.95);
        assert.ok(limit >= successes / of);
        assert.ok(upperLimit(successes + 1, of, 0.95) >= limit);
        assert.ok(upperLimit(successes, of + 1, 0.95) <= limit + 1e-9);
      }),
    );
  });
});
