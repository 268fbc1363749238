/** Usage divided among members: whole parts that sum to the whole. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { divide, divideUsage } from "../../../../services/inference/batching/shares.ts";

describe("dividing", () => {
  const rows: readonly (readonly [total: number, sizes: number[], parts: number[]])[] = [
    [10, [1, 1], [5, 5]],
    [10, [3, 1], [8, 2]],
    [10, [1, 1, 1], [4, 3, 3]],
    [10, [0, 5], [0, 10]],
    [5, [0, 0], [3, 2]],
    [0, [1, 2], [0, 0]],
  ];
  for (const [total, sizes, parts] of rows) {
    test(`${total} by ${sizes.join(" : ")}`, () => assert.deepEqual(divide(total, sizes), parts));
  }

  test("is exact, and nobody is further than one from their part", () => {
    const size = fc.integer({ min: 0, max: 2 ** 40 });
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.array(size, { minLength: 1, maxLength: 80 }), (total, sizes) => {
        const parts = divide(total, sizes);
        const sum = (numbers: number[]): bigint => numbers.reduce((left, right) => left + BigInt(right), 0n);
        assert.equal(sum(parts), BigInt(total));
        const whole = sum(sizes);
        for (const [at, part] of parts.entries()) {
          assert.ok(Number.isSafeInteger(part) && part >= 0);
          if (whole === 0n) continue;
          const apart = BigInt(part) * whole - BigInt(total) * BigInt(sizes[at] ?? 0);
          assert.ok(apart < whole && apart > -whole);
        }
      }),
    );
  });
});

describe("dividing a usage", () => {
  test("divides counts wherever they are and prices in proportion, and gives the rest to everybody", () => {
    const usage = { prompt_tokens: 7, details: { cached_tokens: 3 }, cost: 0.5, tier: "default", more: null };
    assert.deepEqual(divideUsage(usage, [3, 1]), [
      { prompt_tokens: 5, details: { cached_tokens: 2 }, cost: 0.375, tier: "default", more: null },
      { prompt_tokens: 2, details: { cached_tokens: 1 }, cost: 0.125, tier: "default", more: null },
    ]);
  });
});
