/** How a calibration does on labelled pairs. Pure. */
import { lowerBound, upperBound } from "./bounds.ts";
import type { ScoredPair } from "./calibrate.ts";
import type { Calibration } from "./calibration.ts";
import { probabilityOf } from "./platt.ts";
import { thresholdIn } from "./thresholds.ts";

export type Evaluation = {
  readonly max_error: number;
  /** Null: the calibration abstains at this error, and nothing is a hit. */
  readonly threshold: number | null;
  readonly abstained: boolean;
  readonly pairs: number;
  readonly duplicates: number;
  readonly hits: number;
  readonly false_hits: number;
  /** Null where there is no hit. */
  readonly precision: number | null;
  /** Null where there is no duplicate. */
  readonly recall: number | null;
  /** With the calibration's confidence, by itself on each side. */
  readonly bounds: { readonly error_upper: number | null; readonly recall_lower: number | null };
  /** Of the pairs that the guard refuses: by its check. Where it has the last word none of them is a hit. */
  readonly rejected_by: Readonly<Record<string, number>>;
};

/** @param pairs with the scores of the calibration's own trees; none of them was used for fitting. */
export function evaluate(calibration: Calibration, pairs: readonly ScoredPair[], max_error: number): Evaluation {
  const { confidence, curve, thresholds } = calibration;
  const row = thresholdIn(thresholds, max_error);
  const threshold = row?.probability;
  const vetoed = ({ refused_by }: ScoredPair): boolean => refused_by !== undefined && row?.weighed !== true;
  const is_hit = (pair: ScoredPair): boolean =>
    threshold !== undefined && !vetoed(pair) && probabilityOf(curve, pair.score) >= threshold;
  const hits = pairs.filter(is_hit);
  const duplicates = pairs.filter(({ duplicate }) => duplicate).length;
  const right = hits.filter(({ duplicate }) => duplicate).length;
  const false_hits = hits.length - right;
  return {
    max_error,
    threshold: threshold ?? null,
    abstained: threshold === undefined,
    pairs: pairs.length,
    duplicates,
    hits: hits.length,
    false_hits,
    precision: hits.length === 0 ? null : right / hits.length,
    recall: duplicates === 0 ? null : right / duplicates,
    bounds: {
      error_upper: hits.length === 0 ? null : upperBound(false_hits, hits.length, confidence),
      recall_lower: duplicates === 0 ? null : lowerBound(right, duplicates, confidence),
    },
    rejected_by: countChecks(pairs),
  };
}

function countChecks(pairs: readonly ScoredPair[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { refused_by } of pairs) {
    if (refused_by !== undefined) counts[refused_by] = (counts[refused_by] ?? 0) + 1;
  }
  return counts;
}
