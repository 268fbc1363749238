/** Our policy in the simulation: sees what beats would say, over the settings' window, and remembers arrivals for the forecast. Pure. */
import type { ScalingSettings } from "../../../libs/shared/config/scaling.ts";
import type { ScaleDecision, TargetLoad } from "../../../libs/shared/scaling/contract.ts";
import { forecastRate } from "../../../libs/shared/scaling/forecast.ts";
import { type ArrivalBucket, ArrivalHistory, WEEK_MS } from "../../../libs/shared/scaling/history.ts";
import { decide, type ScaleState } from "../../../libs/shared/scaling/policy.ts";
import type { FleetOptions, FleetView } from "./fleet.ts";

type Seen = { readonly at_ms: number; readonly view: FleetView };

export type PolicyOptions = {
  readonly settings: ScalingSettings;
  readonly fleet: FleetOptions;
  readonly past: readonly ArrivalBucket[];
  /** Time of the start, so that buckets and decisions are on one scale. */
  readonly start_ms: number;
};

/** Waits for the provider count when they are this much of what records take: less is no reason for anything. */
const WAIT_PART_MIN = 0.1;

export class PolicyScaler {
  readonly every_ms: number;
  readonly #options: PolicyOptions;
  readonly #history: ArrivalHistory;
  #state: ScaleState;
  #seen: Seen[] = [];
  last: ScaleDecision | undefined;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.every_ms = options.settings.every_ms;
    this.#history = new ArrivalHistory((options.settings.forecast.weeks + 1) * WEEK_MS, options.past);
    this.#state = { desired: options.fleet.replicas };
  }

  decide(view: FleetView, at_ms: number): number {
    const { settings, start_ms } = this.#options;
    const before = this.#seen.at(-1);
    const now_ms = start_ms + at_ms;
    if (before !== undefined) this.#history.add(start_ms + before.at_ms, now_ms, view.arrived - before.view.arrived);
    this.#seen = [...this.#seen.filter((seen) => seen.at_ms >= at_ms - settings.window_ms), { at_ms, view }];
    const { ahead_ms, weeks, enabled } = settings.forecast;
    const forecast = enabled ? forecastRate(this.#history, now_ms, { ahead_ms, weeks }) : undefined;
    const { decision, state } = decide(this.#load(view, now_ms), this.#state, settings, forecast);
    this.#state = state;
    this.last = decision;
    return decision.desired;
  }

  #load(view: FleetView, now_ms: number): TargetLoad {
    const { fleet } = this.#options;
    const first = this.#seen[0] as Seen;
    const last = this.#seen.at(-1) as Seen;
    const before = this.#seen.at(-2);
    const passed_s = Math.max(1, (last.at_ms - first.at_ms) / 1_000);
    const done = view.done - first.view.done;
    const waited_ms = view.provider_wait_ms - first.view.provider_wait_ms;
    const under_way_ms = view.under_way_ms - first.view.under_way_ms;
    const used = this.#seen.map((seen) => seen.view.busy / Math.max(1, seen.view.members * fleet.places));
    return {
      target: { service: "inference", tier: "simulated" },
      at_ms: now_ms,
      replicas: view.members,
      starting: view.starting,
      partitions: fleet.partitions,
      lag_records: view.lag,
      oldest_age_ms: view.oldest_age_ms,
      arrivals_per_s: (view.arrived - first.view.arrived) / passed_s,
      ...(before === undefined ? {} : { latest_arrivals: latestOf(before, last) }),
      done_per_s: done / passed_s,
      in_flight: view.busy,
      in_flight_limit: view.members * fleet.places,
      utilisation: used.reduce((sum, each) => sum + each, 0) / used.length,
      service_ms: done === 0 ? 0 : under_way_ms / done,
      error_ratio: 0,
      // The wait for the provider is the only one before a call here.
      provider_limited_ratio: waited_ms > WAIT_PART_MIN * under_way_ms ? 1 : 0,
      ...(fleet.provider_per_s === undefined ? {} : { provider_max_per_s: fleet.provider_per_s }),
    };
  }
}

function latestOf(before: Seen, last: Seen): { readonly per_s: number; readonly over_ms: number } {
  const over_ms = last.at_ms - before.at_ms;
  return { per_s: (1_000 * (last.view.arrived - before.view.arrived)) / over_ms, over_ms };
}
