import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { lowerBound, upperBound } from "../../../../libs/shared/semantic/bounds.ts";

const near = (actual: number, expected: number): void =>
  assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} is not ${expected}`);

describe("bounds of a share", () => {
  test("without a wrong one they are what can be worked out by hand", () => {
    for (const total of [1, 10, 149, 5_000]) near(upperBound(0, total, 0.95), 1 - 0.05 ** (1 / total));
    for (const total of [1, 10, 149, 5_000]) near(lowerBound(total, total, 0.95), 0.05 ** (1 / total));
  });

  test("the bound is the share at which so few are just unlikely enough", () => {
    const below = (wrong: number, total: number, share: number): number => {
      let term = (1 - share) ** total;
      let sum = term;
      for (let k = 1; k <= wrong; k += 1) {
        term *= (((total - k + 1) / k) * share) / (1 - share);
        sum += term;
      }
      return sum;
    };
    const cases = fc
      .integer({ min: 2, max: 300 })
      .chain((total) => fc.tuple(fc.integer({ min: 0, max: total >> 1 }), fc.constant(total)));
    fc.assert(fc.property(cases, ([wrong, total]) => near(below(wrong, total, upperBound(wrong, total, 0.95)), 0.05)));
  });

  test("nothing known bounds nothing", () => {
    assert.equal(upperBound(0, 0, 0.95), 1);
    assert.equal(lowerBound(0, 0, 0.95), 0);
    assert.equal(upperBound(7, 7, 0.95), 1);
  });
});
