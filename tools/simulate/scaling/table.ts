/** The comparison as lines for people and as one object for scripts. Pure. */
import { type Comparison, isBetter, PACES } from "./compare.ts";
import { mean } from "./tune.ts";

export const HEAD = ["scenario", "steps", "scaler", "late, mean", "of", "worker hours", "changes", "oldest s"];

export function rowsOf({ scenario, pace, ours, lag }: Comparison): string[][] {
  const row = (scaler: string, results: Comparison["ours"]): string[] => [
    ...[scenario, PACES[pace].title, scaler],
    ...[mean(results, "late").toFixed(1), mean(results, "records").toFixed(0)],
    ...[mean(results, "worker_hours").toFixed(2), mean(results, "changes").toFixed(0)],
    Math.max(...results.map(({ oldest_age_max_s }) => oldest_age_max_s)).toFixed(1),
  ];
  const policy = row("policy", ours);
  if (lag === undefined) return [policy, [scenario, PACES[pace].title, "lag: nothing within these hours"]];
  return [policy, row(`lag / ${lag.lag_threshold}, min ${lag.min}`, lag.results)];
}

export function figuresOf(comparison: Comparison): Record<string, unknown> {
  const { scenario, pace, ours, lag } = comparison;
  const figures = (results: Comparison["ours"]): Record<string, unknown> => ({
    late: results.map(({ late }) => late),
    late_mean: mean(results, "late"),
    worker_hours_mean: mean(results, "worker_hours"),
  });
  return {
    ...{ scenario, pace, better: isBetter(comparison), policy: figures(ours) },
    ...(lag && { lag: { lag_threshold: lag.lag_threshold, min: lag.min, ...figures(lag.results) } }),
  };
}
