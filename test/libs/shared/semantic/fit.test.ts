import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chance } from "../../../../libs/shared/semantic/chance.ts";
import { FIT_DEFAULTS, type FitOptions, fitTrees } from "../../../../libs/shared/semantic/fit.ts";
import { forestSchema, scoreOf, sigmoid } from "../../../../libs/shared/semantic/trees.ts";

const OPTIONS: FitOptions = {
  ...FIT_DEFAULTS,
  forests: 1,
  trees: 60,
  leaves: 8,
  learning_rate: 0.2,
  leaf_rows_min: 5,
  column_ratio: 1,
};

/** Right where both of the first two columns are low or both are high; the third says nothing. */
function crossed(rows: number) {
  const random = chance(7);
  const values = new Float32Array(rows * 3).map(() => random());
  const labels = Array.from({ length: rows }, (_, row) => {
    return (values[row * 3] as number) > 0.5 === (values[row * 3 + 1] as number) > 0.5 ? 1 : 0;
  });
  return { values, columns: 3, labels };
}

describe("fitting trees", () => {
  test("finds what no single column tells", () => {
    const examples = crossed(2_000);
    const forest = fitTrees(examples, OPTIONS);
    const right = examples.labels.filter((label, row) => {
      const probability = sigmoid(scoreOf(forest, examples.values.subarray(row * 3, row * 3 + 3)));
      return probability > 0.5 === (label === 1);
    });
    assert.ok(right.length > 1_950, `${right.length} of 2000`);
  });

  test("one seed gives one forest, another another", () => {
    const examples = crossed(300);
    assert.deepEqual(fitTrees(examples, OPTIONS), fitTrees(examples, OPTIONS));
    assert.notDeepEqual(fitTrees(examples, OPTIONS), fitTrees(examples, { ...OPTIONS, seed: 2 }));
  });

  test("what is fitted is what the schema takes, also after it was written down", () => {
    const forest = fitTrees(crossed(300), OPTIONS);
    assert.deepEqual(forestSchema.parse(JSON.parse(JSON.stringify(forest))), forest);
  });

  test("labels of one kind, and columns that never change, give trees without splits and finite scores", () => {
    const values = new Float32Array(200).fill(3);
    const forest = fitTrees({ values, columns: 2, labels: new Array(100).fill(1) }, OPTIONS);
    assert.ok(forest.trees.every(({ feature }) => feature.length === 0));
    assert.ok(Number.isFinite(scoreOf(forest, [3, 3])));
  });

  test("a row counts as much as its weight says", () => {
    const values = Float32Array.from({ length: 400 }, (_, row) => row % 2);
    const labels = Array.from({ length: 400 }, (_, row) => (row % 4 < 2 ? 1 : 0));
    const even = fitTrees(
      { values, columns: 1, labels, weights: labels.map((label) => (label === 1 ? 3 : 1)) },
      OPTIONS,
    );
    assert.ok(Math.abs(sigmoid(scoreOf(even, [0])) - 0.75) < 0.03);
  });

  test("trees that point at what is not there are refused", () => {
    const forest = fitTrees(crossed(300), OPTIONS);
    const broken = (change: object) => ({ ...forest, trees: [{ ...forest.trees[0], ...change }] });
    for (const change of [{ left: [0] }, { feature: [9] }, { leaf: [1] }, { edge: [] }]) {
      assert.equal(forestSchema.safeParse(broken(change)).success, false, JSON.stringify(change));
    }
  });
});
