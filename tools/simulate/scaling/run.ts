/** One run: a trace, a fleet and a scaler, second by second, until all is done. Pure. */
import { Fleet, type FleetOptions, type FleetView } from "./fleet.ts";
import type { Trace } from "./traffic.ts";

export type Scaler = {
  readonly every_ms: number;
  decide(view: FleetView, at_ms: number): number;
};

/** One point for each stretch of time, for plots. */
export type Series = {
  readonly at_s: number[];
  readonly arrivals_per_s: number[];
  readonly workers: number[];
  readonly oldest_age_s: number[];
  readonly late: number[];
};

export type RunResult = {
  readonly records: number;
  /** Ended older than the target, or not at all. */
  readonly late: number;
  readonly worker_hours: number;
  readonly oldest_age_max_s: number;
  /** Times that members changed. */
  readonly changes: number;
  readonly series: Series;
};

/** Time after the trace in which what is left is worked off; what is not by then is late. */
const TAIL_MS = 1_800_000;

/** @param points about so many points in the series. */
export function run(trace: Trace, options: FleetOptions, scaler: Scaler, points = 720): RunResult {
  const fleet = new Fleet(trace, options);
  const series: Series = { at_s: [], arrivals_per_s: [], workers: [], oldest_age_s: [], late: [] };
  const stretch_ms = Math.max(1_000, Math.ceil(trace.duration_ms / points / 1_000) * 1_000);
  let [desired, changes, arrived, late, oldest_ms, oldest_max_ms] = [options.replicas, 0, 0, 0, 0, 0];
  for (let at_ms = 1_000; at_ms <= trace.duration_ms + TAIL_MS; at_ms += 1_000) {
    fleet.second();
    const view = fleet.view();
    oldest_ms = Math.max(oldest_ms, view.oldest_age_ms);
    oldest_max_ms = Math.max(oldest_max_ms, view.oldest_age_ms);
    if (at_ms % scaler.every_ms === 0) {
      const asked = scaler.decide(view, at_ms);
      if (asked !== desired) changes += 1;
      desired = asked;
      fleet.resize(asked);
    }
    if (at_ms > trace.duration_ms) {
      if (fleet.unfinished === 0) break;
    } else if (at_ms % stretch_ms === 0) {
      series.at_s.push(at_ms / 1_000);
      series.arrivals_per_s.push((view.arrived - arrived) / (stretch_ms / 1_000));
      series.workers.push(view.members + view.starting);
      series.oldest_age_s.push(oldest_ms / 1_000);
      series.late.push(fleet.late - late);
      [arrived, late, oldest_ms] = [view.arrived, fleet.late, 0];
    }
  }
  return {
    records: trace.at_ms.length,
    late: fleet.late + fleet.unfinished,
    worker_hours: fleet.worker_ms / 3_600_000,
    oldest_age_max_s: oldest_max_ms / 1_000,
    changes,
    series,
  };
}
