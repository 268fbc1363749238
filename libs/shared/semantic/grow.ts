/** Grows one tree on histograms: of all leaves the one whose split gains most is split next. Pure. */
import { shuffle } from "./chance.ts";
import { BINS_MAX, type Table } from "./histogram.ts";
import type { Tree } from "./trees.ts";

export type GrowOptions = {
  readonly leaves: number;
  readonly learning_rate: number;
  readonly leaf_rows_min: number;
  readonly l2: number;
  readonly row_ratio: number;
  readonly column_ratio: number;
};

/** What the tree is to predict: for each row the first and second derivative of the loss. */
export type Sample = { readonly table: Table; readonly gradients: Float64Array; readonly curvatures: Float64Array };

export type Grown = {
  readonly tree: Omit<Tree, "leaf">;
  readonly leaves: readonly number[];
  /** The leaf's value for any row of the table, also one that the tree was not grown on. */
  valueOf(row: number): number;
};

type Split = { readonly gain: number; readonly column: number; readonly bin: number };
type Leaf = {
  readonly rows: Uint32Array;
  /** Per bin of each column: gradient, curvature, rows. */
  readonly histogram: Float64Array;
  readonly split: Split | undefined;
  /** Where the tree names it: a slot of `left` or `right`; none for the root. */
  readonly slot: { readonly side: number[]; readonly node: number } | undefined;
};

const CELL = 3;
const WIDTH = BINS_MAX * CELL;
const GAIN_MIN = 1e-6;

export function growTree(sample: Sample, options: GrowOptions, random: () => number): Grown {
  const { table } = sample;
  const columns = chosen(table.columns, options.column_ratio, random);
  const tree = { feature: [] as number[], edge: [] as number[], left: [] as number[], right: [] as number[] };
  const leafAt = (rows: Uint32Array, histogram: Float64Array, slot: Leaf["slot"]): Leaf => {
    return { rows, histogram, slot, split: bestSplit(sample, columns, histogram, options) };
  };
  const rows = rowsOf(table.rows, options.row_ratio, random);
  const open = [leafAt(rows, histogramOf(sample, columns, rows), undefined)];
  while (open.length < options.leaves) {
    const at = mostGain(open);
    const leaf = open[at] as Leaf;
    const { split } = leaf;
    if (split === undefined) break;
    const [low, high] = parted(table, leaf.rows, split);
    const small = low.length < high.length ? low : high;
    const counted = histogramOf(sample, columns, small);
    const rest = leaf.histogram;
    for (let cell = 0; cell < rest.length; cell += 1) rest[cell] = (rest[cell] as number) - (counted[cell] as number);
    const node = tree.feature.length;
    tree.feature.push(split.column);
    tree.edge.push(split.bin);
    tree.left.push(0);
    tree.right.push(0);
    if (leaf.slot !== undefined) leaf.slot.side[leaf.slot.node] = node;
    open[at] = leafAt(low, small === low ? counted : rest, { side: tree.left, node });
    open.push(leafAt(high, small === low ? rest : counted, { side: tree.right, node }));
  }
  const leaves = open.map(({ rows: own, slot }, index) => {
    if (slot !== undefined) slot.side[slot.node] = -index - 1;
    return options.learning_rate * stepOf(sample, own, options.l2);
  });
  return { tree, leaves, valueOf: (row) => leaves[leafOf(table, tree, row)] as number };
}

/** Newton's step for the rows of a leaf. */
function stepOf({ gradients, curvatures }: Sample, rows: Uint32Array, l2: number): number {
  let gradient = 0;
  let curvature = l2;
  for (const row of rows) {
    gradient += gradients[row] as number;
    curvature += curvatures[row] as number;
  }
  return gradient / curvature;
}

function leafOf({ bins, rows }: Table, { feature, edge, left, right }: Omit<Tree, "leaf">, row: number): number {
  let node = feature.length === 0 ? -1 : 0;
  while (node >= 0) {
    const bin = bins[(feature[node] as number) * rows + row] as number;
    node = (bin <= (edge[node] as number) ? left[node] : right[node]) as number;
  }
  return -node - 1;
}

function histogramOf(
  { table, gradients, curvatures }: Sample,
  columns: readonly number[],
  rows: Uint32Array,
): Float64Array {
  const histogram = new Float64Array(columns.length * WIDTH);
  columns.forEach((column, index) => {
    const start = index * WIDTH;
    const offset = column * table.rows;
    for (let at = 0; at < rows.length; at += 1) {
      const row = rows[at] as number;
      const cell = start + (table.bins[offset + row] as number) * CELL;
      histogram[cell] = (histogram[cell] as number) + (gradients[row] as number);
      histogram[cell + 1] = (histogram[cell + 1] as number) + (curvatures[row] as number);
      histogram[cell + 2] = (histogram[cell + 2] as number) + 1;
    }
  });
  return histogram;
}

function bestSplit(
  { table }: Sample,
  columns: readonly number[],
  histogram: Float64Array,
  { l2, leaf_rows_min }: GrowOptions,
): Split | undefined {
  const total = totalOf(histogram);
  const before = total.gradient ** 2 / (total.curvature + l2);
  let best: Split | undefined;
  columns.forEach((column, index) => {
    let gradient = 0;
    let curvature = 0;
    let rows = 0;
    const ends = (table.edges[column] as readonly number[]).length;
    for (let bin = 0; bin < ends; bin += 1) {
      const cell = index * WIDTH + bin * CELL;
      gradient += histogram[cell] as number;
      curvature += histogram[cell + 1] as number;
      rows += histogram[cell + 2] as number;
      if (rows < leaf_rows_min) continue;
      if (total.rows - rows < leaf_rows_min) break;
      const rest = total.gradient - gradient;
      const gain = gradient ** 2 / (curvature + l2) + rest ** 2 / (total.curvature - curvature + l2) - before;
      if (gain > (best?.gain ?? GAIN_MIN)) best = { gain, column, bin };
    }
  });
  return best;
}

/** Every column's bins hold all rows: the first one's are added up. */
function totalOf(histogram: Float64Array): { gradient: number; curvature: number; rows: number } {
  const total = { gradient: 0, curvature: 0, rows: 0 };
  for (let cell = 0; cell < WIDTH; cell += CELL) {
    total.gradient += histogram[cell] as number;
    total.curvature += histogram[cell + 1] as number;
    total.rows += histogram[cell + 2] as number;
  }
  return total;
}

function mostGain(leaves: readonly Leaf[]): number {
  let best = 0;
  leaves.forEach(({ split }, at) => {
    if ((split?.gain ?? -1) > (leaves[best]?.split?.gain ?? -1)) best = at;
  });
  return best;
}

function parted({ bins, rows: count }: Table, rows: Uint32Array, { column, bin }: Split): [Uint32Array, Uint32Array] {
  const low = new Uint32Array(rows.length);
  const high = new Uint32Array(rows.length);
  let lows = 0;
  let highs = 0;
  for (const row of rows) {
    if ((bins[column * count + row] as number) <= bin) low[lows++] = row;
    else high[highs++] = row;
  }
  return [low.slice(0, lows), high.slice(0, highs)];
}

function chosen(columns: number, ratio: number, random: () => number): number[] {
  const all = shuffle(
    Array.from({ length: columns }, (_, column) => column),
    random,
  );
  return all.slice(0, Math.max(1, Math.round(columns * ratio))).sort((one, other) => one - other);
}

function rowsOf(rows: number, ratio: number, random: () => number): Uint32Array {
  const taken: number[] = [];
  for (let row = 0; row < rows; row += 1) if (ratio >= 1 || random() < ratio) taken.push(row);
  return Uint32Array.from(taken);
}
