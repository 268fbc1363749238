/** A table of features as small integers: which of at most 64 bins each value falls into. Pure. */

export const BINS_MAX = 64;

export type Table = {
  readonly rows: number;
  readonly columns: number;
  /** For each column, where its bins end, ascending: a value belongs to the first bin whose end it does not exceed. */
  readonly edges: readonly (readonly number[])[];
  /** Column after column, a bin for each row. */
  readonly bins: Uint8Array;
};

/** @param values row after row. Bins hold about as many rows each; equal values share a bin. */
export function binned(values: Float32Array, columns: number): Table {
  const rows = values.length / columns;
  const bins = new Uint8Array(values.length);
  const edges: number[][] = [];
  const column = new Float32Array(rows);
  for (let at = 0; at < columns; at += 1) {
    for (let row = 0; row < rows; row += 1) column[row] = values[row * columns + at] as number;
    const ends = edgesOf(column.toSorted());
    for (let row = 0; row < rows; row += 1) bins[at * rows + row] = binOf(ends, column[row] as number);
    edges.push(ends);
  }
  return { rows, columns, edges, bins };
}

/** Rounded, as they are kept: what is fitted and what is asked later split rows alike. */
function edgesOf(sorted: Float32Array): number[] {
  const ends: number[] = [];
  const step = sorted.length / BINS_MAX;
  let next = step;
  for (let at = 0; at + 1 < sorted.length && ends.length < BINS_MAX - 1; at += 1) {
    const here = sorted[at] as number;
    const after = sorted[at + 1] as number;
    if (after === here || at + 1 < next) continue;
    const end = Number(((here + after) / 2).toPrecision(5));
    if (end > (ends.at(-1) ?? -Infinity) && end >= here && end < after) ends.push(end);
    while (next <= at + 1) next += step;
  }
  return ends;
}

function binOf(ends: readonly number[], value: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value <= (ends[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}
