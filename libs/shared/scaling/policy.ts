/**
 * From how a target's work stands to how many replicas it should have: what the load asks for (`demand.ts`), then what may be done about it now
 * (limits of the provider, failing endpoints, partitions, bounds, steps, cool-downs, hysteresis). Pure; the state is plain JSON, to be
 * kept between decisions by whoever decides, also over a change of leader.
 *
 * Invariants: desired lies within the bounds and is at most the partitions (unless the least of the bounds is more). Unless the bounds force it,
 * it rises by at most `step_up_max` within any `cool_down_up_ms`, at once or in parts; it falls by at most `step_down_max`, and only `cool_down_down_ms`
 * after it last changed and after as long a time of too little to do.
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
  /** When it last rose, and by how much since as long as steps count; the oldest first. */
  readonly raised?: readonly Raise[];
  readonly lowered_at_ms?: number;
  /** Since when fewer would do, without a break. */
  readonly low_since_ms?: number;
};

type Raise = { readonly at_ms: number; readonly by: number };

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
  const rising_per_s = risingArrivals(load, state.arrivals_per_s ?? load.arrivals_per_s, settings.window_ms);
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
  const raised = (state.raised ?? []).filter(({ at_ms }, index, all) => {
    const counts = load.at_ms - at_ms < settings.cool_down_up_ms;
    // The last one is remembered for the way down.
    return counts || index === all.length - 1;
  });
  const allowed = paced(
    goal,
    before,
    raised,
    { ...state, ...(low_since_ms === undefined ? {} : { low_since_ms }) },
    load,
    settings,
  );
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
  const { low_since_ms: _low, ...kept } = state;
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
      raised: desired > before ? [...raised, { at_ms: load.at_ms, by: desired - before }] : raised,
      ...(desired < before ? { lowered_at_ms: load.at_ms } : {}),
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

/** Steps and cool-downs. */
function paced(
  goal: Goal,
  before: number,
  raised: readonly Raise[],
  state: ScaleState,
  load: TargetLoad,
  settings: ScalingSettings,
): Pick<Goal, "reason"> & { readonly desired: number } {
  const { wanted, reason } = goal;
  const since = (at_ms: number | undefined): number =>
    at_ms === undefined ? Number.POSITIVE_INFINITY : load.at_ms - at_ms;
  if (wanted > before) {
    const used = raised.reduce((sum, { at_ms, by }) => sum + (since(at_ms) < settings.cool_down_up_ms ? by : 0), 0);
    // Each change is a pause of all members: what is left of a step waits for the one before to show, unless records are late by now.
    const waits = used > 0 && reason !== "age" && since(raised.at(-1)?.at_ms) < settings.window_ms;
    if (used >= settings.step_up_max || waits) return { desired: before, reason: "cool_down" };
    return { desired: Math.min(wanted, before + settings.step_up_max - used), reason };
  }
  if (wanted < before) {
    const waited_ms = Math.min(since(raised.at(-1)?.at_ms), since(state.lowered_at_ms), since(state.low_since_ms));
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
