/**
 * The lowest probability from which on at most a part of the hits is wrong, with confidence. Thresholds are tested in an order that the labels
 * have no say in, from strict to lax; a test that fails ends it, and all that passed hold together. So that a few wrong labels at the top do not
 * end it, it begins at some places, which share what the confidence leaves (fixed-sequence testing with several starts; Angelopoulos et al. 2021,
 * "Learn then Test", arXiv 2110.01052, after Bauer 1991). Pure.
 */
import { upperBound } from "./bounds.ts";
import type { Threshold } from "./calibration.ts";

export const CONFIDENCE = 0.95;

/** Parts of the hits that may be wrong, for which thresholds are kept. */
export const ERROR_GRID = [
  0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
] as const;

/**
 * From this error on a pair that the guard refuses may be a hit. People call a seventh of the pairs duplicates that it refuses, which a user
 * who allows so much does not want to lose; below, hardly one of them would be found.
 */
const WEIGHED_FROM = 0.1;

/** @param refused by the guard. */
export type Judged = { readonly probability: number; readonly duplicate: boolean; readonly refused?: boolean };

/** How many wrong hits the tests that begin have to expect at the most. */
const WRONG_AT_STARTS = [10, 20, 40];
const GROWTH = 1.03;

type Ranked = { readonly pairs: readonly Judged[]; readonly wrong_until: readonly number[] };

/** @param pairs none of them used for fitting. @returns by error, ascending; what is a hit for one is a hit for all after it. */
export function findThresholds(pairs: readonly Judged[], max_errors: readonly number[] = ERROR_GRID): Threshold[] {
  const all = rank(pairs);
  const passing = rank(pairs.filter(({ refused }) => refused !== true));
  let stricter: Threshold | undefined;
  return max_errors
    .toSorted((one, other) => one - other)
    .map((max_error) => {
      const weighed = max_error >= WEIGHED_FROM;
      const found = findOne(weighed ? all : passing, max_error, weighed);
      // What holds for a stricter error holds for a laxer one.
      const kept =
        (stricter?.probability ?? 2) <= (found.probability ?? 2) ? { ...(stricter ?? found), max_error } : found;
      stricter = kept.probability === null ? stricter : kept;
      return kept;
    });
}

function rank(pairs: readonly Judged[]): Ranked {
  const ranked = pairs.toSorted((one, other) => other.probability - one.probability);
  const wrong_until = [0];
  for (const { duplicate } of ranked) wrong_until.push((wrong_until.at(-1) as number) + (duplicate ? 0 : 1));
  return { pairs: ranked, wrong_until };
}

function findOne({ pairs, wrong_until }: Ranked, max_error: number, weighed: boolean): Threshold {
  let found: Threshold = { max_error, probability: null, weighed, hits: 0, wrong: 0 };
  const starts = startsOf(pairs, max_error);
  const confidence = 1 - (1 - CONFIDENCE) / starts.length;
  for (const start of starts) {
    for (let hits = start; hits > found.hits && hits <= pairs.length; ) {
      const at = withTies(pairs, hits);
      const wrong = wrong_until[at] as number;
      if (upperBound(wrong, at, confidence) > max_error) break;
      found = { max_error, probability: floored((pairs[at - 1] as Judged).probability), weighed, hits: at, wrong };
      hits = Math.max(at + 1, at === pairs.length ? 0 : Math.min(pairs.length, Math.round(at * GROWTH)));
    }
  }
  return found;
}

/** How many hits to begin at, ascending. It depends on how many pairs there are and what they score, never on which are right. */
function startsOf(pairs: readonly Judged[], max_error: number): readonly number[] {
  const least = Math.ceil(Math.log(1 - CONFIDENCE) / Math.log(1 - max_error));
  const likely = pairs.filter(({ probability }) => probability >= 0.5).length;
  const starts = WRONG_AT_STARTS.map((wrong) => Math.max(least, Math.round(Math.min(wrong / max_error, likely / 2))));
  return [...new Set(starts)];
}

/** All pairs of one probability are hits or none is. */
function withTies(ranked: readonly Judged[], hits: number): number {
  let at = hits;
  const limit = floored((ranked[at - 1] as Judged).probability);
  while (at < ranked.length && (ranked[at] as Judged).probability >= limit) at += 1;
  return at;
}

/** As it is kept. */
function floored(probability: number): number {
  return Math.floor(probability * 1e5) / 1e5;
}

/** The threshold for the largest error of the table that is within the one asked for. */
export function thresholdIn<Row extends Pick<Threshold, "max_error" | "probability">>(
  table: readonly Row[],
  max_error: number,
): (Row & { readonly probability: number }) | undefined {
  let best: (Row & { readonly probability: number }) | undefined;
  for (const row of table) {
    const { probability } = row;
    const within = row.max_error <= max_error + 1e-12;
    if (within && probability !== null && probability <= (best?.probability ?? 1)) best = { ...row, probability };
  }
  return best;
}
