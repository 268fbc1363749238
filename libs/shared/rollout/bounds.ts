/**
 * Whether the new side of a rollout is within its bounds beside the old one. Pure.
 *
 * Each check says two things. `holds`: what was seen is within the bound. `broken`: it is beyond the bound by more than chance explains,
 * at three standard errors. That is Shewhart's limit for a process that is looked at again and again (Economic Control of Quality,
 * 1931): one look errs once in 740. Between the two lies "not enough seen yet", which moves nothing.
 *
 * - Failed results: the difference of two proportions, by Newcombe's score interval (Statistics in Medicine 17, 1998, method 10), which
 *   keeps its level at few results and at none that failed.
 * - Latency: the 95th percentiles, each by the distribution-free interval of its order statistics (Conover, Practical Nonparametric
 *   Statistics, 1999, 3.2).
 * - Cost: the means, by the standard error of `new - factor * old` with unequal variances (Welch, Biometrika 34, 1947).
 */
import type { RolloutSettings } from "../config/routing.ts";
import type { BothSides, SideStats, Spread } from "./side-stats.ts";

const STANDARD_ERRORS = 3;
/** Fewer results of a side tell nothing, whatever they are. */
const JUDGED_MIN = 30;
const QUANTILE = 0.95;

export type BoundSettings = Pick<
  RolloutSettings,
  "error_ratio_more_max" | "latency_factor_max" | "cost_factor_max" | "results_min"
>;

export type Check = {
  readonly of: "failed" | "latency" | "cost";
  readonly verdict: "holds" | "unclear" | "broken";
  /** Ratios of failed results, milliseconds or US dollars. */
  readonly new: number | undefined;
  readonly old: number | undefined;
  /** What the new side may come to. */
  readonly bound: number | undefined;
};

/** @returns undefined while either side has too few results. */
export function checkSides(sides: BothSides, settings: BoundSettings): readonly Check[] | undefined {
  const enough = Math.min(JUDGED_MIN, settings.results_min);
  if (sides.new.results < enough || sides.old.results < enough) return undefined;
  return [failedCheck(sides, settings), latencyCheck(sides, settings), costCheck(sides, settings)];
}

function failedCheck({ new: now, old }: BothSides, { error_ratio_more_max }: BoundSettings): Check {
  const [p_new, p_old] = [now.failed / now.results, old.failed / old.results];
  const [low_new] = wilson(now.failed, now.results);
  const [, high_old] = wilson(old.failed, old.results);
  // Newcombe's lower limit of the difference.
  const low = p_new - p_old - Math.hypot(p_new - low_new, high_old - p_old);
  const holds = p_new - p_old <= error_ratio_more_max;
  const verdict = holds ? "holds" : low > error_ratio_more_max ? "broken" : "unclear";
  return { of: "failed", verdict, new: p_new, old: p_old, bound: p_old + error_ratio_more_max };
}

function latencyCheck({ new: now, old }: BothSides, { latency_factor_max }: BoundSettings): Check {
  const [p_new, p_old] = [now.latencies.quantile(QUANTILE), old.latencies.quantile(QUANTILE)];
  if (p_new === undefined || p_old === undefined) return unseen("latency", p_new, p_old);
  const low_new = atRank(now, -STANDARD_ERRORS) ?? p_new;
  const high_old = atRank(old, STANDARD_ERRORS) ?? p_old;
  const holds = p_new <= latency_factor_max * p_old;
  const verdict = holds ? "holds" : low_new > latency_factor_max * high_old ? "broken" : "unclear";
  return { of: "latency", verdict, new: p_new, old: p_old, bound: latency_factor_max * p_old };
}

/** The value at the percentile's rank moved by standard errors of that rank. */
function atRank({ latencies }: SideStats, standard_errors: number): number | undefined {
  const rank_error = Math.sqrt((QUANTILE * (1 - QUANTILE)) / latencies.count);
  return latencies.quantile(Math.max(0, QUANTILE + standard_errors * rank_error));
}

function costCheck({ new: now, old }: BothSides, { cost_factor_max }: BoundSettings): Check {
  if (now.costs.count === 0 || old.costs.count === 0) return unseen("cost", undefined, undefined);
  const [m_new, m_old] = [now.costs.sum / now.costs.count, old.costs.sum / old.costs.count];
  // Of nothing there is no multiple.
  if (m_old === 0) return { of: "cost", verdict: "holds", new: m_new, old: m_old, bound: undefined };
  const more = m_new - cost_factor_max * m_old;
  const error = Math.sqrt(meanVariance(now.costs) + cost_factor_max ** 2 * meanVariance(old.costs));
  const verdict = more <= 0 ? "holds" : more > STANDARD_ERRORS * error ? "broken" : "unclear";
  return { of: "cost", verdict, new: m_new, old: m_old, bound: cost_factor_max * m_old };
}

/** Nothing succeeded on a side: the check of failed results speaks. */
function unseen(of: Check["of"], now: number | undefined, old: number | undefined): Check {
  return { of, verdict: "unclear", new: now, old, bound: undefined };
}

/** Of a mean, from the sample's variance. */
function meanVariance({ count, sum, squares }: Spread): number {
  if (count < 2) return 0;
  return Math.max(0, (squares - (sum * sum) / count) / (count - 1)) / count;
}

/** Wilson's score interval (JASA 22, 1927). */
function wilson(failed: number, results: number): readonly [low: number, high: number] {
  const z2 = STANDARD_ERRORS ** 2;
  const part = failed / results;
  const middle = (part + z2 / (2 * results)) / (1 + z2 / results);
  const half =
    (STANDARD_ERRORS * Math.sqrt((part * (1 - part)) / results + z2 / (4 * results * results))) / (1 + z2 / results);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
