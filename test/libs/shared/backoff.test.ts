/** Back-off: bounded, and spread over its whole range. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { backoff_ms } from "../../../libs/shared/backoff.ts";

const policy = { base_ms: 100, cap_ms: 5_000 };

describe("back-off", () => {
  test("the ceiling doubles until the cap", () => {
    const ceilings = [0, 1, 2, 5, 6, 100].map((attempt) => backoff_ms(policy, attempt, 1));
    assert.deepEqual(ceilings, [100, 200, 400, 3_200, 5_000, 5_000]);
  });

  test("full jitter: from nothing to the ceiling", () => {
    assert.equal(backoff_ms(policy, 3, 0), 0);
    assert.equal(backoff_ms(policy, 3, 0.5), 400);
  });

  test("a whole number within the cap, for any attempt", () => {
    const positive = fc.integer({ min: 1, max: 1_000_000 });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(positive, positive, fc.nat(), random, (base_ms, cap_ms, attempt, chance) => {
        const wait_ms = backoff_ms({ base_ms, cap_ms }, attempt, chance);
        assert.ok(Number.isSafeInteger(wait_ms) && wait_ms >= 0 && wait_ms <= cap_ms);
      }),
    );
  });
});
