/**
 * Moves a tenant's threshold of the semantic cache by what its checked hits turned out to be. Pure: every router that has read the same
 * checks comes to the same threshold.
 *
 * - Fewer checks than `checks_min` say nothing: the fitted threshold stays.
 * - Broken is the bound where two or more checked hits were wrong and they are more than `max_error` of those checked: one alone may be
 *   chance. Then the threshold rises at once, to the lowest probability from which on the hits kept to the bound; a quarter of
 *   `checks_min` must stand there, none beyond the bound. Where no threshold within reach does, there are no semantic hits.
 * - Lower it goes only by evidence: where the upper limit of the error (95 %, Clopper and Pearson) of all that was checked from there on
 *   is within the bound. Nothing is checked below the threshold in force, so it feels its way down, a hundredth below what was seen.
 */
import type { CheckSettings } from "../../../libs/shared/config/cache.ts";
import { upperBound } from "../../../libs/shared/semantic/bounds.ts";

/** A checked hit: the probability it was thought right with, and whether it was. */
export type CheckedHit = { readonly probability: number; readonly same: boolean };

export type AdaptSettings = Pick<
  CheckSettings,
  "checks_min" | "window" | "threshold_lower_max" | "threshold_raise_max"
> & { readonly max_error: number };

const CONFIDENCE = 0.95;
const STEP = 0.01;
const WRONG_MIN = 2;

/**
 * @param base the fitted threshold; undefined where the calibration cannot promise the bound: then there is none here either.
 * @param checks of one tenant, the latest last; `window` of them count.
 * @returns undefined where nothing is to be a hit.
 */
export function adaptedThreshold(
  base: number | undefined,
  checks: readonly CheckedHit[],
  settings: AdaptSettings,
): number | undefined {
  const { window, checks_min } = settings;
  const seen = checks.slice(-window).toSorted((left, right) => right.probability - left.probability);
  if (base === undefined || seen.length < checks_min) return base;
  const from = tails(seen);
  const at_base = from.find(({ probability }) => probability < base)?.above ?? from.at(-1)?.through;
  if (at_base === undefined) return base;
  return broken(at_base, settings) ? raised(base, from, settings) : lowered(base, from, settings);
}

/** How many hits there were, and how many of them wrong. */
type Tail = { readonly hits: number; readonly wrong: number };

/** At each probability that was seen, the highest first: what is above it, and what is from it on. */
type Step = { readonly probability: number; readonly above: Tail; readonly through: Tail };

function tails(seen: readonly CheckedHit[]): Step[] {
  const steps: Step[] = [];
  let above: Tail = { hits: 0, wrong: 0 };
  for (const [probability, hits] of Map.groupBy(seen, (hit) => hit.probability)) {
    const wrong = hits.filter(({ same }) => !same).length;
    const through: Tail = { hits: above.hits + hits.length, wrong: above.wrong + wrong };
    steps.push({ probability, above, through });
    above = through;
  }
  return steps;
}

function broken({ hits, wrong }: Tail, { max_error }: AdaptSettings): boolean {
  return wrong >= WRONG_MIN && wrong > max_error * hits;
}

function raised(base: number, steps: readonly Step[], settings: AdaptSettings): number | undefined {
  const top = Math.min(1, base + settings.threshold_raise_max);
  const held = steps
    .filter(({ probability }) => probability > base && probability <= top)
    .filter(({ through: { hits, wrong } }) => hits * 4 >= settings.checks_min && wrong <= settings.max_error * hits);
  return held.at(-1)?.probability;
}

function lowered(base: number, steps: readonly Step[], settings: AdaptSettings): number {
  const floor = Math.max(0, base - settings.threshold_lower_max);
  const proven = steps.findLast(
    ({ through: { hits, wrong } }) => upperBound(wrong, hits, CONFIDENCE) <= settings.max_error,
  );
  return proven === undefined ? base : Math.min(base, Math.max(floor, proven.probability - STEP));
}
