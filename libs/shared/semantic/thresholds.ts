/**
 * The lowest probability from which on at most a part of the hits is wrong, with confidence. Thresholds are tested in an order that the labels
 * have no say in, from strict to lax, and the first that fails ends it: so all that passed hold together at the one confidence
 * (fixed-sequence testing; Angelopoulos et al. 2021, "Learn then Test", arXiv 2110.01052). Pure.
 */
import { upperBound } from "./bounds.ts";
import type { Band } from "./calibration.ts";

export const CONFIDENCE = 0.95;

/** Parts of the hits that may be wrong, for which thresholds are kept. */
export const ERROR_GRID = [
  0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5,
] as const;

export type Judged = { readonly probability: number; readonly duplicate: boolean };

export type Threshold = Band["thresholds"][number];

/** The first test has about this many wrong hits to expect at the most, so that a mislabelled pair does not end it. */
const WRONG_AT_START = 20;
const GROWTH = 1.03;

/** @param pairs none of them used for fitting; those that the guard refuses have probability 0 and are no hits. */
export function findThresholds(pairs: readonly Judged[], max_errors: readonly number[] = ERROR_GRID): Threshold[] {
  const ranked = pairs
    .filter(({ probability }) => probability > 0)
    .sort((one, other) => other.probability - one.probability);
  const wrong_until = [0];
  for (const { duplicate } of ranked) wrong_until.push((wrong_until.at(-1) as number) + (duplicate ? 0 : 1));
  let stricter: Threshold | undefined;
  return max_errors
    .toSorted((one, other) => one - other)
    .map((max_error) => {
      const found = findOne(ranked, wrong_until, max_error);
      // What holds for a stricter error holds for a laxer one.
      const kept = stricter !== undefined && stricter.hits >= found.hits ? { ...stricter, max_error } : found;
      stricter = kept.probability === null ? stricter : kept;
      return kept;
    });
}

function findOne(ranked: readonly Judged[], wrong_until: readonly number[], max_error: number): Threshold {
  let found: Threshold = { max_error, probability: null, hits: 0, wrong: 0 };
  let hits = firstHits(ranked, max_error);
  while (hits <= ranked.length && hits > 0) {
    const at = withTies(ranked, hits);
    const wrong = wrong_until[at] as number;
    if (upperBound(wrong, at, CONFIDENCE) > max_error) break;
    found = { max_error, probability: floored((ranked[at - 1] as Judged).probability), hits: at, wrong };
    if (at === ranked.length) break;
    hits = Math.max(at + 1, Math.min(ranked.length, Math.round(at * GROWTH)));
  }
  return found;
}

/** Where to begin depends on how many hits there are, never on which are right. */
function firstHits(ranked: readonly Judged[], max_error: number): number {
  const least = Math.ceil(Math.log(1 - CONFIDENCE) / Math.log(1 - max_error));
  const likely = ranked.filter(({ probability }) => probability >= 0.5).length;
  return Math.max(least, Math.round(Math.min(WRONG_AT_START / max_error, likely / 2)));
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
export function thresholdIn(
  table: readonly Pick<Threshold, "max_error" | "probability">[],
  max_error: number,
): number | undefined {
  let best: number | undefined;
  for (const { max_error: within, probability } of table) {
    if (within <= max_error + 1e-12 && probability !== null) best = Math.min(best ?? 1, probability);
  }
  return best;
}
