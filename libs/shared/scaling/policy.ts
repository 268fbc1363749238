/**
 * From how a target's work stands to how many replicas it should have: what the load asks for (`demand.ts`), then what may be done about it now
 * (limits of the provider, failing endpoints, partitions, bounds, steps, cool-downs, hysteresis). Pure; the state is plain JSON, to be
 * kept between decisions by whoever decides, also over a change of leader.
 *
 * Invariants: desired lies within the bounds and is at most the partitions (unless the least of the bounds is more). Unless the bounds force it,
 * it changes by at most a step; it rises only `cool_down_up_ms` after it rose, and falls only `cool_down_down_ms` after it last changed and
 * after as long a time of too little to do.
 */
import type { ScalingSettings } from "../config/scaling.ts";
import type { ScaleDecision, ScaleReason, TargetLoad } from "./contract.ts";
import { type Demand, demandOf, replicasFor } from "./demand.ts";
import type { RateForecast } from "./forecast.ts";
import { type Learned, learn, risingArrivals } from "./learning.ts";
import { type Bounds, boundsOf } from "./target.ts";
import { whyText } from "./why.ts";

/** What a target's next decision must know of those before. `{}` at the beginning. */
export type ScaleState = Learned & {
  readonly desired?: number;
  readonly decided_at_ms?: number;
  readonly raised_at_ms?: number;
  readonly lowered_at_ms?: number;
  /** Since when fewer would do, without a break. */
  readonly low_since_ms?: number;
  /** Since when more would be wanted, without a break. */
  readonly high_since_ms?: number;
};

export type Decided = { readonly decision: ScaleDecision; readonly state: ScaleState };

/** @param forecast what is expected ahead; without it, or with too little confidence in it, the load alone counts. */
export function decide(
  load: TargetLoad,
  state: ScaleState,
  settings: ScalingSettings,
  forecast?: RateForecast,
): Decided {
  const bounds = boundsOf(settings, load.target);
  const before = state.desired ?? clamped(load.replicas + load.starting, bounds);
  const is_disturbed = isLimited(load, settings) || isFailing(load, settings);
  const passed_ms = Math.max(0, load.at_ms - (state.decided_at_ms ?? load.at_ms));
  const learned = learn(load, state, passed_ms, is_disturbed, settings.idle_utilisation);
  const rising_per_s = risingArrivals(
    load.arrivals_per_s,
    state.arrivals_per_s ?? load.arrivals_per_s,
    settings.window_ms,
  );
  const smooth_per_s = learned.arrivals_per_s ?? load.arrivals_per_s;
  const expected =
    forecast !== undefined && forecast.confidence >= settings.forecast.confidence_min ? forecast : undefined;
  const demand = demandOf(
    load,
    {
      cost_s: learned.cost_s,
      rising_per_s,
    },
    settings,
    expected,
  );
  const goal = goalOf({ load, demand, before, bounds, settings, work: smooth_per_s * (learned.cost_s ?? 0) });
  const low_since_ms = goal.wanted < before ? (state.low_since_ms ?? load.at_ms) : undefined;
  const high_since_ms = goal.wanted > before ? (state.high_since_ms ?? load.at_ms) : undefined;
  const is_passing =
    high_since_ms !== undefined && isPassing(goal, before, load.at_ms - high_since_ms, demand.is_late, settings);
  const allowed = is_passing
    ? { desired: before, reason: "steady" as const }
    : paced(goal, before, { ...state, ...(low_since_ms === undefined ? {} : { low_since_ms }) }, load, settings);
  const desired = clamped(allowed.desired, bounds);
  const reason = desired === allowed.desired ? allowed.reason : "bounds";
  const decision = {
    target: load.target,
    at_ms: load.at_ms,
    replicas: load.replicas,
    desired,
    wanted: goal.asked,
    reason,
  };
  const { low_since_ms: _low, high_since_ms: _high, ...kept } = state;
  return {
    decision: {
      ...decision,
      why: whyText({ load, demand, before, desired, reason, wanted: goal.asked, bounds, settings, forecast: expected }),
    },
    state: {
      ...kept,
      ...learned,
      desired,
      decided_at_ms: load.at_ms,
      ...(desired > before ? { raised_at_ms: load.at_ms } : {}),
      ...(desired < before ? { lowered_at_ms: load.at_ms } : {}),
      ...(high_since_ms === undefined ? {} : { high_since_ms }),
      ...(low_since_ms === undefined || desired > before ? {} : { low_since_ms }),
    },
  };
}

type Goal = {
  /** What the load alone asks for. */
  readonly asked: number;
  /** Where to go: `asked`, less what would not help, and no lower than hysteresis lets it. */
  readonly wanted: number;
  readonly reason: ScaleReason;
};

function goalOf({
  load,
  demand,
  before,
  bounds,
  settings,
  work,
}: {
  readonly load: TargetLoad;
  readonly demand: Demand;
  readonly before: number;
  readonly bounds: Bounds;
  readonly settings: ScalingSettings;
  readonly work: number;
}): Goal {
  const { for_arrivals, for_backlog, for_forecast } = demand;
  const asked = Math.max(for_arrivals, for_backlog, for_forecast);
  const most = load.partitions === 0 ? Number.POSITIVE_INFINITY : load.partitions;
  if (isFailing(load, settings) && load.replicas > 0) return { asked, wanted: before, reason: "errors" };
  if (asked > before) {
    if (isLimited(load, settings)) return { asked, wanted: before, reason: "provider_limit" };
    if (most <= before) return { asked, wanted: before, reason: "partitions" };
    if (bounds.max <= before) return { asked, wanted: before, reason: "bounds" };
    return { asked, wanted: Math.min(asked, most), reason: raisedBy(demand) };
  }
  if (before > most) return { asked, wanted: most, reason: "partitions" };
  const is_idle = before > 0 && work / before < settings.idle_utilisation && !demand.is_late;
  // The smoothed load is to fit as well: a quiet moment is no reason. Where there is nothing at all to do, it is.
  const smooth = asked === 0 ? 0 : replicasFor(work, load.partitions, settings.target_utilisation);
  const fits = Math.max(bounds.min, asked, smooth);
  if (is_idle && fits < before) return { asked, wanted: fits, reason: "idle" };
  return { asked, wanted: before, reason: "steady" };
}

function raisedBy({ for_arrivals, for_backlog, for_forecast, is_late }: Demand): ScaleReason {
  if (for_backlog > Math.max(for_arrivals, for_forecast)) return is_late ? "age" : "backlog";
  return for_forecast > for_arrivals ? "forecast" : "utilisation";
}

/**
 * A part of a step uses up the cool-down of a whole one. So it waits for a window's time, to see whether it is chance, or the beginning of more; a whole
 * step is made at once, and so is any where records are late or nobody is there.
 */
function isPassing(goal: Goal, before: number, for_ms: number, is_late: boolean, settings: ScalingSettings): boolean {
  const is_part = goal.wanted < before + settings.step_up_max;
  return is_part && before > 0 && !is_late && goal.reason !== "forecast" && for_ms < settings.window_ms;
}

/** Steps and cool-downs. */
function paced(
  goal: Goal,
  before: number,
  state: ScaleState,
  load: TargetLoad,
  settings: ScalingSettings,
): Pick<Goal, "reason"> & { readonly desired: number } {
  const { wanted, reason } = goal;
  const since = (at_ms: number | undefined): number =>
    at_ms === undefined ? Number.POSITIVE_INFINITY : load.at_ms - at_ms;
  if (wanted > before) {
    if (since(state.raised_at_ms) < settings.cool_down_up_ms) return { desired: before, reason: "cool_down" };
    return { desired: Math.min(wanted, before + settings.step_up_max), reason };
  }
  if (wanted < before) {
    const waited_ms = Math.min(since(state.raised_at_ms), since(state.lowered_at_ms), since(state.low_since_ms));
    if (waited_ms < settings.cool_down_down_ms) return { desired: before, reason: "cool_down" };
    return { desired: Math.max(wanted, before - settings.step_down_max), reason };
  }
  return { desired: before, reason };
}

function isLimited(load: TargetLoad, settings: ScalingSettings): boolean {
  return load.provider_limited_ratio >= settings.provider_limited_max;
}

function isFailing(load: TargetLoad, settings: ScalingSettings): boolean {
  return load.error_ratio >= settings.errors_max;
}

function clamped(replicas: number, { min, max }: Bounds): number {
  return Math.max(min, Math.min(max, replicas));
}
