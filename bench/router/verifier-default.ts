/**
 * How the default calibration is fitted. Trees: on crowd-labelled pairs and on our clean set together. Small errors are promised for clean
 * labels, which alone can show them; large ones for the crowd's, where a part of the labels is wrong. Pure: chance is the seed.
 */
import { crossFit, judgedBy, type LabelledPair } from "../../libs/shared/semantic/calibrate.ts";
import type { Calibration, Threshold } from "../../libs/shared/semantic/calibration.ts";
import { FEATURES } from "../../libs/shared/semantic/features.ts";
import type { FitOptions } from "../../libs/shared/semantic/fit.ts";
import { fitCurve } from "../../libs/shared/semantic/platt.ts";
import { CONFIDENCE, findThresholds, type Judged } from "../../libs/shared/semantic/thresholds.ts";

/** Errors that the crowd's labels can show. */
const CROWD_FROM = 0.1;

/** The clean pairs are many beside the crowd's, and easy: counting in full, they cost recall on those. */
const CLEAN_WEIGHT = 0.1;

export function fitDefault(
  crowd: readonly LabelledPair[],
  clean: readonly LabelledPair[],
  embedding_model: string,
  fit: FitOptions,
  told?: (done: number, total: number) => void,
): Calibration {
  const apart = Math.max(0, ...crowd.map(({ group }) => group)) + 1;
  const all = [...crowd, ...clean.map((pair) => ({ ...pair, group: pair.group + apart, weight: CLEAN_WEIGHT }))];
  const { scorer, scored } = crossFit(all, { fit, ...(told === undefined ? {} : { told }) });
  const curve = fitCurve(scored);
  const judged = judgedBy(curve, scored);
  const small = findThresholds(judged.slice(crowd.length)).filter(({ max_error }) => max_error < CROWD_FROM);
  const large = findThresholds(judged.slice(0, crowd.length)).filter(({ max_error }) => max_error >= CROWD_FROM);
  return {
    version: 1,
    embedding_model,
    trees_of: "default",
    pairs: all.length,
    confidence: CONFIDENCE,
    features: [...FEATURES],
    curve,
    thresholds: nested(small, large, judged.slice(crowd.length)),
    ...scorer,
  };
}

/**
 * A laxer error never gives fewer hits: what the clean set allows beyond the first threshold of the crowd is not taken. On the way to its own
 * threshold each stricter one was tested too.
 */
function nested(small: readonly Threshold[], large: readonly Threshold[], clean: readonly Judged[]): Threshold[] {
  const least = large.find(({ probability }) => probability !== null)?.probability ?? 0;
  const raised = small.map((row) => {
    if (row.probability === null || row.probability >= least) return row;
    const hits = clean.filter(({ probability, refused }) => refused !== true && probability >= least);
    const wrong = hits.filter(({ duplicate }) => !duplicate).length;
    return { ...row, probability: least, hits: hits.length, wrong };
  });
  return [...raised, ...large];
}
