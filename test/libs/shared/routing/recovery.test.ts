/** What a ranking is worth, by hand and by bounds. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { baselineScores, foldsOf, placesWithin, standingOf } from "../../../../libs/shared/routing/evaluation.ts";
import { apgrOf, type Curve, callShareFor, curveOf, recoveredAt } from "../../../../libs/shared/routing/recovery.ts";

const near = (one: number, other: number) => assert.ok(Math.abs(one - other) < 1e-9, `${one} is not ${other}`);
const curve = (scores: number[], weak: number[], strong: number[]): Curve => {
  const found = curveOf(scores, weak, strong);
  assert.ok(found);
  return found;
};

describe("the gap recovered", () => {
  test("of four prompts, by hand", () => {
    // The second gains, the third loses, the fourth gains: the gap is one.
    const found = curve([4, 3, 2, 1], [1, 0, 1, 0], [1, 1, 0, 1]);
    assert.deepEqual([...found.recovered], [0, 0, 1, 0, 1]);
    assert.deepEqual([found.weak, found.strong], [0.5, 0.75]);
    near(apgrOf(found), (0 + 0.5 + 0.5 + 0.5) / 4);
    assert.deepEqual([callShareFor(found, 0.5), callShareFor(found, 1), recoveredAt(found, 0.5)], [0.5, 0.5, 1]);
  });

  test("of prompts of one rank is shared evenly: no order has 0.5", () => {
    const labels = fc.array(fc.tuple(fc.boolean(), fc.boolean()), { minLength: 2, maxLength: 60 });
    fc.assert(
      fc.property(labels, (rows) => {
        const weak = rows.map(([one]) => Number(one));
        const strong = rows.map(([, other]) => Number(other));
        const none = curveOf(
          weak.map(() => 7),
          weak,
          strong,
        );
        if (none === undefined) return;
        near(apgrOf(none), 0.5);
        const gains = strong.map((value, at) => value - (weak[at] as number));
        const oracle = apgrOf(curve(gains, weak, strong));
        const worst = apgrOf(
          curve(
            gains.map((gain) => -gain),
            weak,
            strong,
          ),
        );
        assert.ok(oracle >= 0.5 && worst <= 0.5);
        near(oracle + worst, 1);
      }),
      { seed: 6 },
    );
  });

  test("is not there where the strong model is no better", () => {
    assert.equal(curveOf([1, 2], [1, 0], [0, 1]), undefined);
    assert.equal(standingOf([1], [{ prompt: "a", weak: 1, strong: 0 }], { weak: 1, strong: 2 }), undefined);
  });
});

describe("an evaluation", () => {
  const rows = Array.from({ length: 200 }, (_, at) => ({
    prompt: "x".repeat(at + 1),
    weak: 0,
    strong: at >= 100 ? 1 : 0,
  }));

  test("tells calls and cost for parts of the gap", () => {
    const standing = standingOf(baselineScores(rows)["prompt_length"] ?? [], rows, { weak: 1, strong: 4 });
    assert.deepEqual(standing?.cpt["50"], { strong_share: 0.25, cost_share: (0.25 * 4 + 0.75) / 4 });
    assert.deepEqual(standing?.cpt["80"]?.strong_share, 0.4);
    const random = standingOf(baselineScores(rows)["random"] ?? [], rows, { weak: 0, strong: 1 });
    near(random?.apgr ?? 0, 0.5);
    assert.deepEqual(random?.cpt["50"], { strong_share: 0.5, cost_share: 0.5 });
  });

  test("keeps equal prompts in one fold", () => {
    const twice = [...rows, ...rows];
    const folds = foldsOf(twice, 10, 1);
    assert.deepEqual(folds.slice(0, 200), folds.slice(200));
    assert.deepEqual(
      [...new Set(folds)].sort((one, other) => one - other),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    );
    assert.notDeepEqual(foldsOf(twice, 10, 2), folds);
  });

  test("ranks within folds, equal scores alike", () => {
    assert.deepEqual([...placesWithin([5, 1, 900, 100, 100], [0, 0, 1, 1, 1])], [0.75, 0.25, 2.5 / 3, 1 / 3, 1 / 3]);
  });
});
