/** How well rankings of prompts spend the strong model, and what it costs, beside simpler rankings. Pure. */
import { stickyUnit } from "../sticky.ts";
import { complexityOf } from "./complexity.ts";
import type { LabelledPrompt } from "./labelled.ts";
import { apgrOf, type Curve, callShareFor, curveOf, recoveredAt } from "./recovery.ts";

/** Parts of the gap at which the cost is told. */
export const GAP_PARTS = [0.5, 0.8, 0.95] as const;

export type Standing = {
  readonly apgr: number;
  /** By part of the gap in per cent: the share of strong calls that it takes, and of the cost of asking the strong tier for all. */
  readonly cpt: Readonly<Record<string, { readonly strong_share: number; readonly cost_share: number }>>;
};

/** What one call costs, in any unit. */
export type CallCosts = { readonly weak: number; readonly strong: number };

/** Of a ranking that is better than none somewhere the area is above 0.5. @returns undefined without a gap to recover. */
export function standingOf(
  scores: ArrayLike<number>,
  rows: readonly LabelledPrompt[],
  costs: CallCosts,
): (Standing & { readonly curve: Curve }) | undefined {
  const weak = rows.map((row) => row.weak);
  const strong = rows.map((row) => row.strong);
  const curve = curveOf(scores, weak, strong);
  if (curve === undefined) return undefined;
  const cpt = GAP_PARTS.map((part) => {
    const strong_share = callShareFor(curve, part);
    return [String(part * 100), { strong_share, cost_share: costShare(strong_share, costs) }] as const;
  });
  return { apgr: apgrOf(curve), cpt: Object.fromEntries(cpt), curve };
}

/** Of the cost of asking the strong tier for all. */
export function costShare(strong_share: number, { weak, strong }: CallCosts): number {
  return strong > 0 ? (strong_share * strong + (1 - strong_share) * weak) / strong : strong_share;
}

/**
 * Rankings that need no fit. One that is random has no order: what it gives on average is what prompts of one rank give. The oracle knows
 * the labels: it is the bound.
 */
export function baselineScores(rows: readonly LabelledPrompt[]): Readonly<Record<string, readonly number[]>> {
  return {
    random: rows.map(() => 0),
    prompt_length: rows.map(({ prompt }) => prompt.length),
    heuristic: rows.map(
      ({ prompt }) => complexityOf({ text: prompt, chars: prompt.length, turns: 1, features: ["chat"] }).score,
    ),
    oracle: rows.map(({ weak, strong }) => strong - weak),
  };
}

/** The fold of each prompt, 0 to `count` − 1: the same prompt is always in the same one. */
export function foldsOf(rows: readonly LabelledPrompt[], count: number, repeat: number): number[] {
  return rows.map(({ prompt }) => Math.floor(stickyUnit([`fold ${repeat}`, prompt]) * count));
}

/** Each score's place among those of its fold, 0 to 1: a share of strong calls is then that share of every fold. */
export function placesWithin(scores: ArrayLike<number>, folds: readonly number[]): Float64Array {
  const places = new Float64Array(folds.length);
  for (const fold of new Set(folds)) {
    const rows = folds.flatMap((other, row) => (other === fold ? [row] : []));
    const sorted = rows.map((row) => scores[row] as number).sort((one, other) => one - other);
    const first = new Map<number, number>();
    const last = new Map<number, number>();
    for (const [at, score] of sorted.entries()) {
      if (!first.has(score)) first.set(score, at);
      last.set(score, at);
    }
    for (const row of rows) {
      const score = scores[row] as number;
      places[row] = ((first.get(score) ?? 0) + (last.get(score) ?? 0) + 1) / 2 / rows.length;
    }
  }
  return places;
}

/** Points of the curve for a plot or a table. */
export function pointsOf(
  curve: Curve,
  steps: number,
): readonly { readonly share: number; readonly recovered: number }[] {
  return Array.from({ length: steps + 1 }, (_, at) => {
    const share = at / steps;
    return { share, recovered: recoveredAt(curve, share) };
  });
}
