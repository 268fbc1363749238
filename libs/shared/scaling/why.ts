/** Why so many replicas, in a sentence with the figures. Pure. */
import type { ScalingSettings } from "../config/scaling.ts";
import type { ScaleReason, TargetLoad } from "./contract.ts";
import type { Demand } from "./demand.ts";
import type { RateForecast } from "./forecast.ts";
import type { Bounds } from "./target.ts";

export type Reasoning = {
  readonly load: TargetLoad;
  readonly demand: Demand;
  readonly before: number;
  readonly desired: number;
  /** What the load alone asks for. */
  readonly wanted: number;
  readonly reason: ScaleReason;
  readonly bounds: Bounds;
  readonly settings: ScalingSettings;
  readonly forecast: RateForecast | undefined;
};

export function whyText(reasoning: Reasoning): string {
  const { before, desired } = reasoning;
  const change = desired === before ? `stays at ${before}` : `from ${before} to ${desired}`;
  return `${change}: ${BECAUSE[reasoning.reason](reasoning)}`;
}

const BECAUSE: Readonly<Record<ScaleReason, (reasoning: Reasoning) => string>> = {
  steady: ({ load, demand, settings }) =>
    demand.is_held
      ? `the oldest record is ${seconds(load.oldest_age_ms)} old, but workers have room (${percent(load.utilisation)} busy): it waits for something else than workers`
      : `${rate(load.arrivals_per_s)} keep ${demand.work.toFixed(1)} replicas busy, aimed at ${percent(settings.target_utilisation)}`,
  age: ({ load, demand, wanted, settings }) =>
    `the oldest record is ${seconds(load.oldest_age_ms)} old (goal ${seconds(demand.age_goal_ms)}); ${count(demand.waiting_records)} wait, ${wanted} would work them off within ${seconds(settings.work_off_ms)}`,
  backlog: ({ demand, wanted, settings }) =>
    `${count(demand.waiting_records)} records wait; ${wanted} would work them off within ${seconds(settings.work_off_ms)}`,
  utilisation: ({ load, demand, wanted, settings }) =>
    `${rate(load.arrivals_per_s)} keep ${demand.work.toFixed(1)} replicas busy; at ${percent(settings.target_utilisation)} that is ${wanted}`,
  forecast: ({ forecast, demand }) =>
    `${rate(forecast?.expected_per_s ?? 0)} are expected within ${seconds(forecast?.ahead_ms ?? 0)}, by this time of day and week; they need ${demand.for_forecast}`,
  idle: ({ load, demand, before, settings }) =>
    `${rate(load.arrivals_per_s)} keep ${demand.work.toFixed(1)} of ${before} replicas busy, under ${percent(settings.idle_utilisation)}`,
  provider_limit: ({ load, wanted }) =>
    `the load asks for ${wanted}, but ${percent(load.provider_limited_ratio)} of the waits are for the provider's limits: workers do not help`,
  errors: ({ load }) => `${percent(load.error_ratio)} of the calls fail: that is not for want of workers`,
  partitions: ({ load, wanted }) =>
    `the load asks for ${wanted}, but there are ${load.partitions} partitions, and a member without one has nothing to do`,
  cool_down: ({ wanted, before, settings }) =>
    wanted > before
      ? `${wanted} are wanted; it was raised by a whole step within the last ${seconds(settings.cool_down_up_ms)}`
      : `fewer would do, but not yet for ${seconds(settings.cool_down_down_ms)} without a change`,
  bounds: ({ wanted, bounds }) => `the load asks for ${wanted}; the settings allow ${bounds.min} to ${bounds.max}`,
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
const percent = (part: number): string => `${(100 * part).toFixed(0)} %`;
const rate = (per_s: number): string => `${per_s.toFixed(per_s < 10 ? 1 : 0)} records/s`;
const count = (records: number): string => records.toFixed(0);
