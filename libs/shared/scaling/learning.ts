/** What the policy learns from one decision to the next: what a record costs, and how many arrive, smoothed. Pure. */
import type { TargetLoad } from "./contract.ts";
import { recordCost } from "./demand.ts";

export type Learned = {
  /** Replica-seconds a record, smoothed; learned while neither the provider nor errors disturb it. */
  readonly cost_s?: number;
  /** Arrivals, smoothed, records a second. */
  readonly arrivals_per_s?: number;
};

/** Exponential means are over about so long. */
const SMOOTHED_OVER_MS = 60_000;
/** Of Poisson's: one decision in 160 takes chance for a rise. */
const CHANCE_DEVIATIONS = 2.5;
/** One in some ten thousand: there are several of them in a window. */
const SUDDEN_DEVIATIONS = 3.7;

/** @param passed_ms since the decision before; 0 at the first. */
export function learn(
  load: TargetLoad,
  before: Learned,
  passed_ms: number,
  is_disturbed: boolean,
  idle_utilisation: number,
): Learned {
  const part = 1 - Math.exp(-passed_ms / SMOOTHED_OVER_MS);
  const seen = is_disturbed ? undefined : recordCost(load, idle_utilisation);
  const cost_s = blended(before.cost_s, seen, part);
  const arrivals_per_s = blended(before.arrivals_per_s, load.arrivals_per_s, part);
  return { ...(cost_s === undefined ? {} : { cost_s }), ...(arrivals_per_s === undefined ? {} : { arrivals_per_s }) };
}

/**
 * Arrivals to be ready for until the next step may be made. Counts vary by their root: what lies within that is chance, and the smoothed rate
 * stands where it is the lower. What lies beyond is a rise. That of a window is taken to go on as it did; that of the last interval alone, which has to be
 * a clearer one, is taken for what it is.
 */
export function risingArrivals(
  { arrivals_per_s, latest_arrivals }: Pick<TargetLoad, "arrivals_per_s" | "latest_arrivals">,
  smooth_per_s: number,
  window_ms: number,
): number {
  const rise_per_s = riseOf(arrivals_per_s, smooth_per_s, window_ms, CHANCE_DEVIATIONS);
  const in_window = rise_per_s > 0 ? arrivals_per_s + rise_per_s : Math.min(arrivals_per_s, smooth_per_s);
  if (latest_arrivals === undefined) return in_window;
  const { per_s, over_ms } = latest_arrivals;
  return riseOf(per_s, smooth_per_s, over_ms, SUDDEN_DEVIATIONS) > 0 ? Math.max(in_window, per_s) : in_window;
}

/** 0 where chance explains it. */
function riseOf(per_s: number, smooth_per_s: number, over_ms: number, deviations: number): number {
  const rise_per_s = per_s - smooth_per_s;
  const chance_per_s = deviations * Math.sqrt((1_000 * per_s) / over_ms);
  return rise_per_s > chance_per_s ? rise_per_s : 0;
}

function blended(before: number | undefined, seen: number | undefined, part: number): number | undefined {
  if (before === undefined || seen === undefined) return seen ?? before;
  return before + part * (seen - before);
}
