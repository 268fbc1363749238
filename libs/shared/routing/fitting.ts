/** Fits a tier policy on labelled prompts, and says by cross-validation what it is worth. Pure. */
import { type CallCosts, costShare, foldsOf, placesWithin, type Standing, standingOf } from "./evaluation.ts";
import { type Design, embeddingScale, fitGain, predictUnseen } from "./gain.ts";
import type { LabelledPrompt } from "./labelled.ts";
import { encodeWeights, QUANTILES, type TierPolicyFile } from "./policy.ts";
import { type Curve, recoveredAt } from "./recovery.ts";
import { SURFACE_FEATURES } from "./surface.ts";

export const FOLDS = 10;
export const REPEATS = 3;
/** Fewer prompts leave folds without a gap to recover. */
export const PROMPTS_MIN = 100;

export type CrossValidated = Standing & {
  /** Standard deviation of the APGR over the repeats, each with other folds. */
  readonly apgr_deviation: number;
  /** Of the first repeat. */
  readonly curve: Curve;
  /** Predicted gains of the first repeat, none by a model that has seen the prompt. */
  readonly unseen: Float64Array;
};

export type Progress = { readonly done: number; readonly of: number };

/**
 * k-fold by prompt, repeated with other folds; APGR and costs are the repeats' means. Prompts are ranked within their fold, since the
 * models of two folds differ in more than order.
 * @returns undefined without a gap to recover.
 */
export function* crossValidate(
  rows: readonly LabelledPrompt[],
  design: Design,
  costs: CallCosts,
): Generator<Progress, CrossValidated | undefined> {
  const gains = gainsOf(rows);
  const runs: { readonly standing: Standing & { readonly curve: Curve }; readonly unseen: Float64Array }[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const folds = foldsOf(rows, FOLDS, repeat);
    const steps = predictUnseen(design, gains, folds);
    let step = steps.next();
    for (; !step.done; step = steps.next()) {
      yield { done: repeat * step.value.of + step.value.done, of: REPEATS * step.value.of };
    }
    const standing = standingOf(placesWithin(step.value, folds), rows, costs);
    if (standing === undefined) return undefined;
    runs.push({ standing, unseen: step.value });
  }
  const [first] = runs;
  if (first === undefined) return undefined;
  const apgrs = runs.map(({ standing }) => standing.apgr);
  const apgr = mean(apgrs);
  return {
    apgr,
    apgr_deviation: Math.sqrt(mean(apgrs.map((one) => (one - apgr) ** 2))),
    cpt: meanCpt(runs.map(({ standing }) => standing.cpt)),
    curve: first.standing.curve,
    unseen: first.unseen,
  };
}

export type PolicyTarget =
  | { readonly kind: "cost_share"; readonly at_most: number }
  /** Of the strong tier's quality. */
  | { readonly kind: "quality"; readonly at_least: number }
  /** Where the recovered gap is furthest above the share of the cost. */
  | { readonly kind: "best" };

export type PolicyNames = {
  readonly weak: string;
  readonly strong: string;
  readonly embedding_model: string;
};

/** @returns undefined where no share meets the target. */
export function policyOf(
  rows: readonly LabelledPrompt[],
  design: Design,
  {
    validated,
    costs,
    names,
    target,
  }: {
    readonly validated: CrossValidated;
    readonly costs: CallCosts;
    readonly names: PolicyNames;
    readonly target: PolicyTarget;
  },
): TierPolicyFile | undefined {
  const gains = gainsOf(rows);
  const { model, penalty } = fitGain(design, gains, foldsOf(rows, FOLDS, 0));
  const { dimensions } = design;
  const scale = embeddingScale(dimensions);
  const shares = sharesOf(validated.curve, costs);
  const chosen = choose(shares, validated.curve, target);
  if (chosen === undefined) return undefined;
  const of_surface = design.surface.map(({ mean: centre, deviation }, at) => ({
    name: SURFACE_FEATURES[at] as (typeof SURFACE_FEATURES)[number],
    mean: centre,
    deviation,
    weight: model.weights[dimensions + at] as number,
    square_weight: model.weights[dimensions + SURFACE_FEATURES.length + at] as number,
  }));
  const { weak, strong } = validated.curve;
  return {
    format: "sluice.tier-policy.1",
    weak: names.weak,
    strong: names.strong,
    embedding: { model: names.embedding_model, dimensions },
    intercept: model.intercept,
    embedding_weights: encodeWeights(model.weights.slice(0, dimensions).map((weight) => weight * scale)),
    surface: of_surface,
    gains: quantilesOf(validated.unseen, mean(gains)),
    threshold: chosen.threshold,
    shares,
    fitted: { prompts: rows.length, penalty, apgr: validated.apgr, weak_quality: weak, strong_quality: strong },
  };
}

type Share = TierPolicyFile["shares"][number];

const SHARE_STEPS = 20;

function sharesOf(curve: Curve, costs: CallCosts): Share[] {
  return Array.from({ length: SHARE_STEPS + 1 }, (_, at) => {
    const strong_share = at / SHARE_STEPS;
    const gap_recovered = recoveredAt(curve, strong_share);
    return {
      strong_share,
      threshold: 1 - strong_share,
      quality: curve.weak + gap_recovered * (curve.strong - curve.weak),
      gap_recovered,
      cost_share: costShare(strong_share, costs),
    };
  });
}

function choose(shares: readonly Share[], curve: Curve, target: PolicyTarget): Share | undefined {
  if (target.kind === "cost_share") return shares.findLast(({ cost_share }) => cost_share <= target.at_most + 1e-9);
  if (target.kind === "quality") return shares.find(({ quality }) => quality >= target.at_least * curve.strong - 1e-9);
  const worth = ({ gap_recovered, cost_share }: Share): number => gap_recovered - cost_share;
  return shares.toSorted((one, other) => worth(other) - worth(one))[0];
}

function gainsOf(rows: readonly LabelledPrompt[]): number[] {
  return rows.map(({ weak, strong }) => strong - weak);
}

/** @param centre put back to predictions that are told from their mean. */
function quantilesOf(unseen: Float64Array, centre: number): number[] {
  const sorted = unseen.toSorted();
  return Array.from({ length: QUANTILES }, (_, at) => {
    const place = (at / (QUANTILES - 1)) * (sorted.length - 1);
    const low = sorted[Math.floor(place)] as number;
    const high = sorted[Math.ceil(place)] as number;
    return centre + low + (high - low) * (place - Math.floor(place));
  });
}

function meanCpt(all: readonly Standing["cpt"][]): Standing["cpt"] {
  const [first = {}] = all;
  return Object.fromEntries(
    Object.keys(first).map((part) => [
      part,
      {
        strong_share: mean(all.map((one) => one[part]?.strong_share ?? 1)),
        cost_share: mean(all.map((one) => one[part]?.cost_share ?? 1)),
      },
    ]),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
