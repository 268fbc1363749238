/** Boosted trees, as they are kept and asked. Pure. */
import { z } from "zod";

const integer = z.int();

/**
 * One tree. Node 0 is its root; a row goes left where its feature's value is at most the edge with that index. A child of 0 or more is a
 * node, a negative one is the leaf `-child - 1`. Leaves are in units of 1/`LEAF_SCALE` of the logarithm of the odds.
 */
const tree = z.strictObject({
  feature: z.array(integer.nonnegative()),
  edge: z.array(integer.nonnegative()),
  left: z.array(integer),
  right: z.array(integer),
  leaf: z.array(integer).min(1),
});
export type Tree = z.infer<typeof tree>;

export const LEAF_SCALE = 10_000;

const forest = z.strictObject({
  /** Added to all, in the logarithm of the odds. */
  base: z.number(),
  /** For each feature, where its histogram's bins end, ascending. */
  edges: z.array(z.array(z.number())),
  trees: z.array(tree).min(1),
});
export type Forest = z.infer<typeof forest>;

/** A forest whose every index is there, so that asking needs no checks. */
export const forestSchema = forest.refine(isSound, "a tree points at what is not there");

/** The logarithm of the odds, for one row of features. */
export function scoreOf({ base, edges, trees }: Forest, row: ArrayLike<number>): number {
  let sum = 0;
  for (const { feature, edge, left, right, leaf } of trees) {
    let node = feature.length === 0 ? -1 : 0;
    while (node >= 0) {
      const at = feature[node] as number;
      const limit = (edges[at] as number[])[edge[node] as number] as number;
      node = ((row[at] as number) <= limit ? left[node] : right[node]) as number;
    }
    sum += leaf[-node - 1] as number;
  }
  return base + sum / LEAF_SCALE;
}

export function sigmoid(score: number): number {
  return 1 / (1 + Math.exp(-score));
}

function isSound({ edges, trees }: Forest): boolean {
  return trees.every(({ feature, edge, left, right, leaf }) => {
    const nodes = feature.length;
    if (edge.length !== nodes || left.length !== nodes || right.length !== nodes) return false;
    // Children come after their parents, so that no walk goes round in a circle.
    const child = (one: number, parent: number): boolean =>
      one < 0 ? -one <= leaf.length : one > parent && one < nodes;
    return feature.every((at, node) => {
      const limit = edges[at]?.[edge[node] as number];
      return limit !== undefined && child(left[node] as number, node) && child(right[node] as number, node);
    });
  });
}
