/**
 * Fits boosted trees: gradient boosting of the logistic loss with second-order leaves (Friedman 2001, doi 10.1214/aos/1013203451; Chen and
 * Guestrin 2016, arXiv 1603.02754), on histograms and leaf by leaf, the best first (Ke et al. 2017, LightGBM). Pure: chance is the seed.
 */

import { chance } from "./chance.ts";
import { growTree, type Sample } from "./grow.ts";
import { binned } from "./histogram.ts";
import { type Forest, LEAF_SCALE, type Tree } from "./trees.ts";

export type FitOptions = {
  /** Forests, each from its own chance; their mean is kept. */
  readonly forests: number;
  readonly trees: number;
  readonly leaves: number;
  readonly learning_rate: number;
  readonly leaf_rows_min: number;
  /** Shrinks the leaves that few rows speak for. */
  readonly l2: number;
  /** The share of rows and of columns that a tree sees. */
  readonly row_ratio: number;
  readonly column_ratio: number;
  readonly seed: number;
};

export const FIT_DEFAULTS: FitOptions = {
  forests: 2,
  trees: 600,
  leaves: 20,
  learning_rate: 0.025,
  leaf_rows_min: 40,
  l2: 5,
  row_ratio: 0.7,
  column_ratio: 0.2,
  seed: 1,
};

export type Examples = {
  /** Row after row. */
  readonly values: Float32Array;
  readonly columns: number;
  /** 1 or 0 for each row. */
  readonly labels: ArrayLike<number>;
  /** How much each row counts. */
  readonly weights?: ArrayLike<number>;
};

/** @param told after each tree: how many there are of how many. */
export function fitTrees(
  examples: Examples,
  options: FitOptions,
  told?: (done: number, total: number) => void,
): Forest {
  const table = binned(examples.values, examples.columns);
  const weights = Float64Array.from({ length: table.rows }, (_, row) => examples.weights?.[row] ?? 1);
  const base = oddsOf(examples.labels, weights);
  const trees: Tree[] = [];
  for (let forest = 0; forest < options.forests; forest += 1) {
    const random = chance(options.seed * 1_000 + forest);
    const scores = new Float64Array(table.rows).fill(base);
    const sample: Sample = { table, gradients: new Float64Array(table.rows), curvatures: new Float64Array(table.rows) };
    for (let count = 0; count < options.trees; count += 1) {
      derive(sample, scores, examples.labels, weights);
      const grown = growTree(sample, options, random);
      for (let row = 0; row < table.rows; row += 1) scores[row] = (scores[row] as number) + grown.valueOf(row);
      trees.push({
        ...grown.tree,
        leaf: grown.leaves.map((value) => Math.round((value * LEAF_SCALE) / options.forests)),
      });
      told?.(trees.length, options.trees * options.forests);
    }
  }
  return { base: Number(base.toFixed(6)), edges: table.edges.map((ends) => [...ends]), trees };
}

/** First and second derivative of the loss by the score. */
function derive(
  { gradients, curvatures }: Sample,
  scores: Float64Array,
  labels: ArrayLike<number>,
  weights: Float64Array,
): void {
  for (let row = 0; row < scores.length; row += 1) {
    const probability = 1 / (1 + Math.exp(-(scores[row] as number)));
    const weight = weights[row] as number;
    gradients[row] = weight * ((labels[row] as number) - probability);
    curvatures[row] = weight * probability * (1 - probability);
  }
}

function oddsOf(labels: ArrayLike<number>, weights: Float64Array): number {
  // One of each beforehand: labels of one kind alone give no infinite odds.
  let right = 1;
  let wrong = 1;
  for (let row = 0; row < weights.length; row += 1) {
    if (labels[row] === 1) right += weights[row] as number;
    else wrong += weights[row] as number;
  }
  return Math.log(right / wrong);
}
