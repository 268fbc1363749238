/** What the scaling policy is asked and what it answers. Pure; whoever acts on it (KEDA, `sluice up --autoscale`) is elsewhere. */

/** What can be scaled by itself: a service, or the inference workers of one tier. */
export type ScaleTarget = {
  readonly service: string;
  /** Undefined for services, and for inference workers that serve every tier. */
  readonly tier?: string;
};

/** How a target's work stands, over the last few seconds. Of several groups in a target (tiers served together), the worst of each. */
export type TargetLoad = {
  readonly target: ScaleTarget;
  readonly at_ms: number;
  /** Processes that are alive and not leaving. */
  readonly replicas: number;
  /** Processes that were asked for and are not yet members. */
  readonly starting: number;
  /** Of the topic with the most: more members than that have nothing to do. */
  readonly partitions: number;
  readonly lag_records: number;
  /** Of the oldest record that is not finished, delivered or not. */
  readonly oldest_age_ms: number;
  readonly arrivals_per_s: number;
  /** Of the last interval between decisions alone, so that a burst is seen at once; undefined where that is not known. */
  readonly latest_arrivals?: { readonly per_s: number; readonly over_ms: number };
  readonly done_per_s: number;
  /** Records (or calls) worked on now, and how many all replicas together may work on. */
  readonly in_flight: number;
  readonly in_flight_limit: number;
  /** The busier of two: in flight over its limit, and the event loop of the mean replica. 0 to 1, averaged over the last seconds. */
  readonly utilisation: number;
  /** What a record takes while it is worked on, mean. */
  readonly service_ms: number;
  /** Of the calls or records that ended, the part that failed. */
  readonly error_ratio: number;
  /** Of the time that is waited before a call, the part that the provider's limits (rate, concurrency learned, breaker) account for. 0 to 1. */
  readonly provider_limited_ratio: number;
  /** What the provider lets through, where that is known from the settings. */
  readonly provider_max_per_s?: number;
};

export type ScaleReason =
  | "steady"
  | "age"
  | "utilisation"
  | "backlog"
  | "forecast"
  | "idle"
  | "provider_limit"
  | "errors"
  | "partitions"
  | "cool_down"
  | "bounds";

export type ScaleDecision = {
  readonly target: ScaleTarget;
  readonly at_ms: number;
  readonly replicas: number;
  readonly desired: number;
  /** What the load alone asks for, before steps, cool-downs and bounds. */
  readonly wanted: number;
  /** Why it is `desired`. */
  readonly reason: ScaleReason;
  /** For people, with the figures. */
  readonly why: string;
};
