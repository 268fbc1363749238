/** What is read off a prompt's surface. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SURFACE_FEATURES, surfaceOf } from "../../../../libs/shared/routing/surface.ts";

function counts(text: string): Readonly<Record<string, number>> {
  const values = surfaceOf(text);
  assert.equal(values.length, SURFACE_FEATURES.length);
  return Object.fromEntries(SURFACE_FEATURES.map((name, at) => [name, Math.round(Math.expm1(values[at] ?? 0))]));
}

describe("the surface of a prompt", () => {
  test("counts each kind, and numbers that come again but once among the distinct ones", () => {
    const found = counts(
      "Ann has 3 apples, and 3 pears. If she sells half of 1,200 more than twice, how many are left?",
    );
    const { chars, commas, numbers, distinct_numbers, comparisons, multiples, conditions, names, sentences } = found;
    assert.deepEqual(
      { chars, commas, numbers, distinct_numbers, comparisons, multiples, conditions, names, sentences },
      {
        ...{ chars: 93, commas: 3, numbers: 3, distinct_numbers: 2, comparisons: 2, multiples: 2, conditions: 1 },
        ...{ names: 2, sentences: 2 },
      },
    );
  });

  test("of nothing is nothing", () => {
    assert.ok(surfaceOf("").every((value) => value === 0));
  });

  test("of a long text takes beginning and end, and its whole length", () => {
    const { chars, numbers, distinct_numbers } = counts(`1 ${"word ".repeat(10_000)} 2`);
    assert.deepEqual({ chars, numbers, distinct_numbers }, { chars: 50_004, numbers: 2, distinct_numbers: 2 });
  });
});
