/**
 * How the default calibration is fitted. Trees: on crowd-labelled pairs and on our clean set together. Small errors are promised for clean
 * labels, which alone can show them; large ones for the crowd's, where a part of the labels is wrong. Pure: chance is the seed.
 */
import { bandsOf, crossFit, type LabelledPair } from "../../libs/shared/semantic/calibrate.ts";
import type { Calibration } from "../../libs/shared/semantic/calibration.ts";
import { FEATURES } from "../../libs/shared/semantic/features.ts";
import type { FitOptions } from "../../libs/shared/semantic/fit.ts";
import { CONFIDENCE, ERROR_GRID } from "../../libs/shared/semantic/thresholds.ts";

export function fitDefault(
  crowd: readonly LabelledPair[],
  clean: readonly LabelledPair[],
  embedding_model: string,
  fit: FitOptions,
  told?: (done: number, total: number) => void,
): Calibration {
  const apart = Math.max(0, ...crowd.map(({ group }) => group)) + 1;
  const all = [...crowd, ...clean.map((pair) => ({ ...pair, group: pair.group + apart }))];
  const { scorer, scored } = crossFit(all, { fit, ...(told === undefined ? {} : { told }) });
  return {
    version: 1,
    embedding_model,
    trees_of: "default",
    pairs: all.length,
    confidence: CONFIDENCE,
    features: [...FEATURES],
    ...bandsOf(scored.slice(crowd.length), scored.slice(0, crowd.length), ERROR_GRID),
    ...scorer,
  };
}
