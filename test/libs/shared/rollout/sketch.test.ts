/** Quantiles in little memory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { QuantileSketch } from "../../../../libs/shared/rollout/sketch.ts";

describe("a quantile", () => {
  test("is within 1 % of the true one", () => {
    const values = fc.array(fc.double({ min: 1, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 300 });
    fc.assert(
      fc.property(values, fc.double({ min: 0.001, max: 1, noNaN: true }), (given, part) => {
        const sketch = new QuantileSketch();
        for (const value of given) sketch.add(value);
        const sorted = given.toSorted((left, right) => left - right);
        const truth = sorted[Math.max(1, Math.ceil(part * sorted.length)) - 1] as number;
        const found = sketch.quantile(part) as number;
        assert.ok(Math.abs(found - truth) <= truth * 0.0101, `${found} is not ${truth}`);
      }),
    );
  });

  test("of nothing is none; what is below 1 counts as one size", () => {
    const sketch = new QuantileSketch();
    assert.equal(sketch.quantile(0.5), undefined);
    sketch.add(0);
    sketch.add(0.9);
    assert.deepEqual([sketch.count, sketch.quantile(0.5)], [2, 0.5]);
  });
});
