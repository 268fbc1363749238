import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { upperBound } from "../../../../libs/shared/semantic/bounds.ts";
import { chance } from "../../../../libs/shared/semantic/chance.ts";
import {
  CONFIDENCE,
  ERROR_GRID,
  findThresholds,
  type Judged,
  thresholdIn,
} from "../../../../libs/shared/semantic/thresholds.ts";

/** Pairs whose probabilities are true. */
function honest(count: number, seed: number): Judged[] {
  const random = chance(seed);
  return Array.from({ length: count }, () => {
    const probability = 1 - random() ** 3;
    return { probability, duplicate: random() < probability };
  });
}

describe("thresholds", () => {
  test("each keeps within its error, on the pairs it was found on, with the confidence", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5_000 }), fc.integer(), (count, seed) => {
        const pairs = honest(count, seed);
        for (const { max_error, probability, hits, wrong } of findThresholds(pairs)) {
          if (probability === null) continue;
          const above = pairs.filter((pair) => pair.probability >= probability);
          assert.equal(above.length, hits);
          assert.equal(above.filter(({ duplicate }) => !duplicate).length, wrong);
          assert.ok(upperBound(wrong, hits, CONFIDENCE) <= max_error);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a larger error never raises the threshold", () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 4_000 }), fc.integer(), (count, seed) => {
        const table = findThresholds(honest(count, seed));
        let last = 2;
        for (const max_error of ERROR_GRID) {
          const threshold = thresholdIn(table, max_error)?.probability;
          assert.ok((threshold ?? 2) <= last);
          last = threshold ?? last;
        }
      }),
      { numRuns: 30 },
    );
  });

  test("the promise holds for pairs to come in at least 95 of 100 calibrations", () => {
    let broken = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const threshold = thresholdIn(findThresholds(honest(1_500, seed), [0.1]), 0.1)?.probability;
      if (threshold === undefined) continue;
      // The mean of 1 - probability from the threshold on, for probabilities that are spread as `honest` spreads them.
      const most = (1 - threshold) ** (1 / 3);
      if (most ** 3 / 4 > 0.1) broken += 1;
    }
    assert.ok(broken <= 10 + 8, `${broken} of 200`);
  });

  test("a few wrong labels at the top do not make it abstain", () => {
    const pairs = Array.from({ length: 3_000 }, (_, at) => ({ probability: 1 - at / 10_000, duplicate: at % 500 > 2 }));
    const { probability, hits } = findThresholds(pairs, [0.02])[0] as { probability: number | null; hits: number };
    assert.ok(probability !== null && hits === 3_000);
  });

  test("a refused pair is no hit for small errors and may be one for large ones", () => {
    const pairs = Array.from({ length: 2_000 }, (_, at) => {
      return { probability: 0.9, duplicate: true, refused: at % 4 === 0 };
    });
    const rows = findThresholds(pairs, [0.05, 0.2]);
    assert.deepEqual(
      rows.map(({ weighed, hits }) => ({ weighed, hits })),
      [
        { weighed: false, hits: 1_500 },
        { weighed: false, hits: 1_500 },
      ],
    );
    const noisy = pairs.map((pair, at) => ({
      ...pair,
      probability: 0.9 - at / 10_000,
      duplicate: at < 400 || at % 10 > 0,
    }));
    const lax = findThresholds(noisy, [0.05, 0.2])[1];
    assert.deepEqual(lax, { max_error: 0.2, probability: lax?.probability, weighed: true, hits: 2_000, wrong: 160 });
  });

  test("few pairs promise nothing", () => {
    const right = (count: number): Judged[] =>
      Array.from({ length: count }, () => ({ probability: 0.99, duplicate: true }));
    assert.equal(thresholdIn(findThresholds(right(148)), 0.02), undefined);
    assert.equal(thresholdIn(findThresholds(right(149)), 0.02)?.probability, 0.99);
    assert.equal(thresholdIn(findThresholds([]), 0.5), undefined);
  });

  test("an error between two of the table takes the stricter", () => {
    const table = [
      { max_error: 0.1, probability: 0.6 },
      { max_error: 0.02, probability: null },
      { max_error: 0.05, probability: 0.8 },
    ];
    assert.equal(thresholdIn(table, 0.07)?.probability, 0.8);
    assert.equal(thresholdIn(table, 0.1)?.probability, 0.6);
    assert.equal(thresholdIn(table, 0.03), undefined);
  });
});
