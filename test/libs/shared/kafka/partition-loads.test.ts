/** How old each partition's next record is. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { agesOf } from "../../../../libs/shared/kafka/partition-loads.ts";

describe("the age of each partition's next record", () => {
  test("is told within a third, by few questions", async () => {
    const ages = fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(ages, async (ages_ms) => {
        let asked = 0;
        const told = await agesOf(
          ages_ms.map((_, partition) => ({ partition, at: 0 })),
          async (age_ms) => {
            asked += 1;
            return new Map(ages_ms.map((own_ms, partition) => [partition, own_ms <= age_ms ? 0 : 1]));
          },
        );
        for (const [partition, own_ms] of ages_ms.entries()) {
          const age_ms = told.get(partition) ?? 0;
          assert.ok(age_ms <= own_ms && (own_ms <= 1_000 || age_ms * 1.5 >= own_ms), `${age_ms} of ${own_ms}`);
        }
        assert.ok(asked <= 23);
      }),
    );
  });
});
