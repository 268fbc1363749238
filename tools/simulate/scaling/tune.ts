/**
 * The best that lag-only scaling can do with the worker hours that ours takes (and half of a hundredth more, for thresholds come in steps): of many
 * thresholds and least numbers of workers, the pair with the fewest late records over the very traces that it is then reported on. That is more than an
 * operator could know beforehand. Pure.
 */
import { LagScaler, type Pace } from "./lag-scaler.ts";
import { type RunResult, run } from "./run.ts";
import type { Scenario } from "./scenarios.ts";

export type LagTuning = { readonly lag_threshold: number; readonly min: number };
export type Tuned = LagTuning & { readonly results: readonly RunResult[] };

/** Thresholds: at 4 places a worker, from one that keeps it half empty to one that keeps it overfull. */
const THRESHOLDS = Array.from({ length: 17 }, (_, index) => 2 + index / 4);

const HOURS_MORE = 1.005;

/** Every pair that is tried; few thresholds where a run is long. */
export function tunings(mins: readonly number[], every = 1): LagTuning[] {
  const thresholds = THRESHOLDS.filter((_, index) => index % every === 0);
  return mins.flatMap((min) => thresholds.map((lag_threshold) => ({ lag_threshold, min })));
}

/** @returns undefined where no pair keeps within the hours (a mean over the scenarios). */
export function tuneLag(
  scenarios: readonly Scenario[],
  pace: Pace,
  pairs: readonly LagTuning[],
  hours_max: number,
): Tuned | undefined {
  let best: Tuned | undefined;
  for (const pair of pairs) {
    const results = scenarios.map((scenario) => runLag(scenario, pair, pace));
    if (mean(results, "worker_hours") > hours_max * HOURS_MORE) continue;
    if (best === undefined || mean(results, "late") < mean(best.results, "late")) best = { ...pair, results };
  }
  return best;
}

function runLag({ trace, fleet, settings }: Scenario, { lag_threshold, min }: LagTuning, pace: Pace): RunResult {
  const replicas = Math.max(min, fleet.replicas);
  const scaler = new LagScaler({ lag_threshold, min, max: settings.default_bounds.max, pace }, replicas);
  return run(trace, { ...fleet, replicas }, scaler);
}

export function mean(results: readonly RunResult[], of: "late" | "worker_hours" | "changes" | "records"): number {
  return results.reduce((sum, result) => sum + result[of], 0) / Math.max(1, results.length);
}
