/**
 * Predicts the gain of the strong model over the weak one for a prompt: ridge regression on the prompt's embedding and its surface. The
 * gain and not the weak model's failure, since a prompt that both fail is worth no more money. Pure.
 */
import { standardised } from "./policy.ts";
import { type LinearModel, type Matrix, type Moments, momentsOf, predict, ridge, without } from "./ridge.ts";
import { SURFACE_FEATURES, surfaceOf } from "./surface.ts";

/** λ for the dimensions of the embedding, each scaled to a variance of about 1, and for the standardised surface. */
export type Penalty = { readonly embedding: number; readonly surface: number };

/** Squares of the surface let an effect bend; they are held back more. */
const SQUARES_FACTOR = 3;
const INNER_FOLDS = 3;
/**
 * Taken unless another one is better by a standard error of the difference (Breiman's rule, in Hastie, Tibshirani and Friedman, The Elements
 * of Statistical Learning, 7.10): of few prompts, which penalty is best is mostly chance.
 */
const USUAL: Penalty = { embedding: 10_000, surface: 100 };
const OTHERS: readonly Penalty[] = [
  { embedding: 1_000, surface: 100 },
  { embedding: 3_000, surface: 100 },
  { embedding: 10_000, surface: 1_000 },
  { embedding: 30_000, surface: 1_000 },
];

/** Columns: the embedding, the surface, and the squares of the surface. */
export type Design = {
  readonly matrix: Matrix;
  readonly dimensions: number;
  readonly surface: readonly { readonly mean: number; readonly deviation: number }[];
};

export type GainModel = { readonly model: LinearModel; readonly penalty: Penalty };

/** @param vectors of the prompts, of length 1. */
export function designOf(prompts: readonly string[], vectors: readonly Float32Array[]): Design {
  const dimensions = vectors[0]?.length ?? 0;
  const columns = dimensions + 2 * SURFACE_FEATURES.length;
  const rows = prompts.length;
  const values = new Float64Array(rows * columns);
  const scale = embeddingScale(dimensions);
  const raw = prompts.map(surfaceOf);
  const surface = SURFACE_FEATURES.map((_, at) => momentsOfColumn(raw.map((row) => row[at] as number)));
  for (const [row, vector] of vectors.entries()) {
    const from = row * columns;
    for (let at = 0; at < dimensions; at += 1) values[from + at] = (vector[at] as number) * scale;
    for (const [at, { mean, deviation }] of surface.entries()) {
      const value = standardised(raw[row]?.[at] as number, mean, deviation);
      values[from + dimensions + at] = value;
      values[from + dimensions + SURFACE_FEATURES.length + at] = value ** 2;
    }
  }
  return { matrix: { rows, columns, values }, dimensions, surface };
}

/** So that a component of a vector of length 1 has a variance of about 1. */
export function embeddingScale(dimensions: number): number {
  return Math.sqrt(dimensions);
}

/** Fits on all rows, the penalty by inner cross-validation. @param folds the fold of each row. */
export function fitGain(design: Design, gains: readonly number[], folds: readonly number[]): GainModel {
  const parts = partsOf(design, gains, folds);
  return fitFrom(design, gains, parts, allOf(parts));
}

/**
 * Out-of-fold predictions: each row by a model that has not seen its fold, penalties chosen without it too.
 * @returns the prediction for every row, less the mean prediction for the rows that its model has seen, so that folds compare.
 */
export function* predictUnseen(
  design: Design,
  gains: readonly number[],
  folds: readonly number[],
): Generator<{ readonly done: number; readonly of: number }, Float64Array> {
  const parts = partsOf(design, gains, folds);
  const all = allOf(parts);
  const result = new Float64Array(design.matrix.rows);
  for (const [at, part] of parts.entries()) {
    const others = parts.filter((other) => other !== part);
    const { model } = fitFrom(design, gains, others, without(all, part.moments));
    const predicted = predict(model, design.matrix);
    const seen = others.flatMap(({ rows }) => rows);
    const mean = seen.reduce((sum, row) => sum + (predicted[row] as number), 0) / seen.length;
    for (const row of part.rows) result[row] = (predicted[row] as number) - mean;
    yield { done: at + 1, of: parts.length };
  }
  return result;
}

type Part = { readonly rows: readonly number[]; readonly moments: Moments };

function partsOf({ matrix }: Design, gains: readonly number[], folds: readonly number[]): Part[] {
  const names = [...new Set(folds)].sort((one, other) => one - other);
  return names.map((name) => {
    const rows = folds.flatMap((fold, row) => (fold === name ? [row] : []));
    return { rows, moments: momentsOf(matrix, gains, rows) };
  });
}

function allOf(parts: readonly Part[]): Moments {
  return parts.map(({ moments }) => moments).reduce(together);
}

function together(left: Moments, right: Moments): Moments {
  const negative = (values: Float64Array): Float64Array => values.map((value) => -value);
  const { count, x, y, xx, xy } = right;
  return without(left, { count: -count, x: negative(x), y: -y, xx: negative(xx), xy: negative(xy) });
}

/** A model of all parts, its penalty chosen by how far models of some parts miss the rows of the others. */
function fitFrom(design: Design, gains: readonly number[], parts: readonly Part[], all: Moments): GainModel {
  const groups = Array.from({ length: Math.min(INNER_FOLDS, parts.length) }, (_, group) =>
    parts.filter((_part, at) => at % INNER_FOLDS === group),
  );
  const missed = (penalty: Penalty): number[] =>
    groups.flatMap((group) => {
      const model = solved(design, without(all, allOf(group)), penalty);
      const rows = group.flatMap((part) => part.rows);
      const predicted = predict(model, design.matrix, rows);
      return rows.map((row, at) => ((predicted[at] as number) - (gains[row] as number)) ** 2);
    });
  const penalty = groups.length < 2 ? USUAL : clearlyBest(missed);
  return { model: solved(design, all, penalty), penalty };
}

/** @param missed squared errors, in the same order for every penalty. */
function clearlyBest(missed: (penalty: Penalty) => readonly number[]): Penalty {
  const usual = missed(USUAL);
  const better = OTHERS.map((penalty) => {
    const { mean, deviation } = momentsOfColumn(missed(penalty).map((miss, at) => (usual[at] as number) - miss));
    return { penalty, mean, error: deviation / Math.sqrt(usual.length) };
  }).filter(({ mean, error }) => mean > error);
  return better.sort((one, other) => other.mean - one.mean)[0]?.penalty ?? USUAL;
}

function solved({ dimensions }: Design, moments: Moments, { embedding, surface }: Penalty): LinearModel {
  const squares_from = dimensions + SURFACE_FEATURES.length;
  return ridge(moments, (column) => {
    if (column < dimensions) return embedding;
    return column < squares_from ? surface : SQUARES_FACTOR * surface;
  });
}

function momentsOfColumn(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  // A column that never varies says nothing.
  return { mean, deviation: variance > 1e-12 ? Math.sqrt(variance) : 1 };
}
