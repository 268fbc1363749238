/** Observations for tests: a pipeline that keeps up, with what a test changes. */
import type {
  CallLoad,
  EndpointLoad,
  MemberLoad,
  Observation,
  PartitionLoad,
  StageLoad,
  TierFacts,
} from "../../../../libs/shared/advice/observation.ts";

export function member(more: Partial<MemberLoad> = {}): MemberLoad {
  return {
    ...{
      instance: "one",
      pid: 7,
      host: "here",
      silent_ms: 500,
      partitions: 4,
      arrivals_per_s: 40,
      lag: 10,
      done_per_s: 40,
    },
    ...{ in_flight: 4, in_flight_limit: 64, loop_busy: 0.2, cpu_cores: 0.2 },
    ...more,
  };
}

export function partition(more: Partial<PartitionLoad> = {}): PartitionLoad {
  return {
    ...{ topic: "t.jobs.small", partition: 0, arrivals_per_s: 10, done_per_s: 10, lag: 2, growth_per_s: 0 },
    ...{ oldest_age_ms: 0, member: "one" },
    ...more,
  };
}

export function endpoint(more: Partial<EndpointLoad> = {}): EndpointLoad {
  return {
    ...{ name: "default", calls_per_s: 40, throttled_per_s: 0, failed_per_s: 0, in_flight: 4, limit: 64 },
    ...{ latency_ms: 100, breaker_open: 0, latency_before_ms: null },
    ...more,
  };
}

export function calls(more: Partial<CallLoad> = {}): CallLoad {
  return {
    calls_per_s: 40,
    in_flight: 4,
    limit_max: 64,
    latency_ms: 100,
    endpoints: [endpoint()],
    batch_mean: 1,
    ...more,
  };
}

export function stage(name: string, more: Partial<StageLoad> = {}): StageLoad {
  const [service = name, tier] = name.split(".");
  return {
    ...{ name, service, group: `g.${name}`, order: ["ingest", "router", "inference", "results"].indexOf(service) },
    ...(tier === undefined ? {} : { tier, calls: calls() }),
    ...{ batched: service === "ingest" || service === "results", rebalancing: false },
    partitions: [0, 1, 2, 3].map((at) => partition({ topic: `t.${name}`, partition: at })),
    members: [member()],
    ...{ arrivals_per_s: 40, done_per_s: 40, lag: 8, growth_per_s: 0, oldest_age_ms: 0 },
    ...{ in_flight: 4, in_flight_limit: 64, utilisation: 4 / 64, service_ms: 100 },
    ...{ waiting: {}, dependencies: [], pools: [] },
    ...more,
  };
}

/** Forty arrive, ten are done. */
export const BEHIND = {
  arrivals_per_s: 40,
  done_per_s: 10,
  lag: 600,
  growth_per_s: 30,
  oldest_age_ms: 15_000,
} as const;

export function tier(more: Partial<TierFacts> = {}): TierFacts {
  return {
    ...{ kind: "chat" as const, endpoints: ["default"], balancing: "peak_ewma", in_flight_max: 64 },
    ...{ connections_max: { default: 256 }, batch_size_max: 64 },
    ...more,
  };
}

export function observation(
  changed: readonly StageLoad[],
  more: Partial<Observation> & { readonly tier?: TierFacts } = {},
): Observation {
  const names = ["ingest", "router", "inference.small", "results"];
  const { tier: facts = tier(), ...rest } = more;
  return {
    ...{ at_ms: 1_000_000, seconds: 10, hot_keys: [] },
    stages: names.map((name) => changed.find((one) => one.name === name) ?? stage(name)),
    cache: { hits_per_s: 0, misses_per_s: 40, hit_ratio: 0, entries: 0, before: null },
    settings: {
      ...{ topic_prefix: "t.", beat_ms: 2_000, target_age_ms: 2_000, session_timeout_ms: 10_000 },
      ...{ results_in_flight_max: 8, cache_version: "1" },
      embedding: { remote: false, workers: 2, enabled: true },
      tiers: { small: facts },
    },
    ...rest,
  };
}
