/**
 * How many replicas a load asks for, whatever there are now. In units of `work`: replicas that would be busy all the time. By Little's law that
 * is the arrival rate times what a record costs a replica, and the cost of a record is its service time over the places of a replica. Pure.
 */
import type { ScalingSettings } from "../config/scaling.ts";
import type { TargetLoad } from "./contract.ts";
import type { RateForecast } from "./forecast.ts";

export type Demand = {
  /** Replicas' worth of work that arrives now, and with what waits as well. */
  readonly work: number;
  /** Replicas for the arrivals; for them and what waits; for what the forecast expects. */
  readonly for_arrivals: number;
  readonly for_backlog: number;
  readonly for_forecast: number;
  /** The oldest record is older than it may be, and for want of workers: they have no room. */
  readonly is_late: boolean;
  /** The oldest record is older than it may be, though workers have room: it waits for something else. */
  readonly is_held: boolean;
  /** What the oldest record may be aged. */
  readonly age_goal_ms: number;
  /** Records beyond those that are worked on and those that may wait. */
  readonly waiting_records: number;
};

/** Service times have tails: a record that is worked on may well take thrice the mean, and no worker makes it faster. */
const SERVICE_TAIL = 3;

/** Members that share partitions unevenly: the busiest may be so much fuller than the mean is to be. */
function busiestMax(target_utilisation: number): number {
  return (1 + target_utilisation) / 2;
}

/**
 * Replica-seconds that a record costs, from what is seen; undefined where nothing says. The dearer of two: its time over a replica's
 * places (bound by calls), and busy replicas over records done (bound by CPU, or by calls again).
 */
export function recordCost(load: TargetLoad, idle_utilisation: number): number | undefined {
  const { replicas, in_flight_limit, service_ms, done_per_s, utilisation } = load;
  if (replicas === 0 || in_flight_limit === 0 || service_ms <= 0) return undefined;
  const by_places = (service_ms * replicas) / (1_000 * in_flight_limit);
  // What an idle process burns is no record's cost: this one counts only where work fills the replicas.
  const is_busy = utilisation >= idle_utilisation && done_per_s > 0;
  return Math.max(by_places, is_busy ? (utilisation * replicas) / done_per_s : 0);
}

/**
 * @param known.cost_s replica-seconds a record; undefined: not known yet, and one replica is what can be said.
 * @param known.rising_per_s arrivals to be ready for.
 */
export function demandOf(
  load: TargetLoad,
  known: { readonly cost_s: number | undefined; readonly rising_per_s: number },
  settings: ScalingSettings,
  forecast?: RateForecast,
): Demand {
  const { lag_records, in_flight, arrivals_per_s, oldest_age_ms, service_ms, utilisation, partitions } = load;
  const { target_utilisation, target_age_ms, work_off_ms } = settings;
  const age_goal_ms = Math.max(target_age_ms, SERVICE_TAIL * service_ms);
  // By Little's law no more than this are unfinished while the oldest is in time.
  const waiting_records = Math.max(0, lag_records - Math.max(in_flight, (arrivals_per_s * age_goal_ms) / 1_000));
  // Offsets are committed in order, so one slow record makes lag and age alike; what waits for workers fills them first.
  const has_room = load.replicas > 0 && utilisation < target_utilisation;
  const is_old = lag_records > 0 && oldest_age_ms > age_goal_ms;
  const is_work = lag_records > 0 || in_flight > 0 || arrivals_per_s > 0;
  const at_least = is_work ? 1 : 0;
  const catching_up_per_s = has_room ? 0 : waiting_records / (work_off_ms / 1_000);
  // More than the provider lets through need not be carried.
  const workOf = (per_s: number): number => Math.min(per_s, load.provider_max_per_s ?? per_s) * (known.cost_s ?? 0);
  const work = workOf(arrivals_per_s);
  return {
    work,
    for_arrivals: Math.max(at_least, replicasFor(workOf(known.rising_per_s), partitions, target_utilisation)),
    for_backlog: Math.max(
      at_least,
      replicasFor(
        workOf(arrivals_per_s + catching_up_per_s),
        partitions,
        // While a backlog is worked off, replicas may be full.
        catching_up_per_s > 0 ? 1 : target_utilisation,
      ),
    ),
    for_forecast: replicasFor(workOf(forecast?.expected_per_s ?? 0), partitions, target_utilisation),
    is_late: is_old && !has_room,
    is_held: is_old && has_room,
    age_goal_ms,
    waiting_records,
  };
}

/**
 * The fewest replicas that carry `work` with the mean at the target and the busiest not near its end. Partitions are shared in whole ones: of 8,
 * five members have 2 at the most, as four have.
 */
export function replicasFor(work: number, partitions: number, target_utilisation: number): number {
  if (work <= 0) return 0;
  const by_mean = Math.ceil(work / target_utilisation - 1e-9);
  if (partitions === 0 || by_mean >= partitions) return by_mean;
  const each_max = Math.floor((busiestMax(target_utilisation) * partitions) / work + 1e-9);
  return each_max === 0 ? Math.max(by_mean, partitions) : Math.max(by_mean, Math.ceil(partitions / each_max));
}
