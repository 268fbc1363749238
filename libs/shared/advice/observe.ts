/** Turns looks at the pipeline, some seconds apart, into an observation. Pure. */
import type { Beat } from "../beats/beat.ts";
import type { GroupsLook } from "../kafka/partition-loads.ts";
import { cacheLoad, type HitsBefore } from "./cache-load.ts";
import { callLoad, type LatenciesBefore } from "./call-load.ts";
import { metersOf, type ProcessMeter } from "./meter.ts";
import type {
  DependencyLoad,
  HotKey,
  MemberLoad,
  Observation,
  PartitionLoad,
  PoolLoad,
  SettingsFacts,
  StageLoad,
} from "./observation.ts";
import type { StagePlan } from "./stages.ts";

export type Look = { readonly at_ms: number; readonly beats: readonly Beat[] };

export type Before = { readonly hits: HitsBefore; readonly latencies: LatenciesBefore };

export type Looks = {
  /** The oldest first, two at least. */
  readonly beats: readonly Look[];
  readonly groups_first: GroupsLook;
  readonly groups_last: GroupsLook;
  /** Of what has ended before the looks. */
  readonly before: Before;
};

export function observe(plans: readonly StagePlan[], settings: SettingsFacts, looks: Looks): Observation {
  const meters = metersOf(looks.beats);
  const at_ms = looks.beats.at(-1)?.at_ms ?? 0;
  const seconds = Math.max(0.001, (looks.groups_last.at_ms - looks.groups_first.at_ms) / 1_000);
  const stages = plans.map((plan) => stageLoad(plan, settings, looks, meters, at_ms, seconds));
  return {
    at_ms,
    seconds,
    stages,
    cache: cacheLoad([...meters.values()], looks.before.hits),
    hot_keys: [],
    settings,
  };
}

export function withHotKeys(observation: Observation, hot_keys: readonly HotKey[]): Observation {
  return { ...observation, hot_keys };
}

function stageLoad(
  plan: StagePlan,
  settings: SettingsFacts,
  looks: Looks,
  meters: ReadonlyMap<string, ProcessMeter>,
  at_ms: number,
  seconds: number,
): StageLoad {
  const { group, tier } = plan;
  const partitions = partitionLoads(group, looks, seconds);
  const members = memberLoads(group, looks.groups_last, partitions, meters, at_ms);
  const own = members.flatMap(({ instance }) => meters.get(instance) ?? []);
  const sum = (of: (one: PartitionLoad) => number): number => partitions.reduce((all, one) => all + of(one), 0);
  const in_flight = members.reduce((all, one) => all + one.in_flight, 0);
  const in_flight_limit = members.reduce((all, one) => all + one.in_flight_limit, 0);
  const done = own.reduce((all, meter) => all + meter.rate("sluice_records_done_total", { group }), 0);
  const done_per_s = sum((one) => one.done_per_s);
  const busy = own.reduce((all, meter) => all + meter.rate("sluice_group_busy_seconds_total", { group }), 0);
  return {
    ...{ name: plan.name, service: plan.service, group, order: plan.order, batched: plan.batched },
    ...(tier === undefined ? {} : { tier }),
    rebalancing: looks.groups_last.rebalancing.includes(group),
    partitions,
    members,
    arrivals_per_s: sum((one) => one.arrivals_per_s),
    // What is committed lags behind what is done; what processes say of themselves misses those that are gone.
    done_per_s: Math.max(done, done_per_s),
    lag: sum(({ lag }) => lag),
    growth_per_s: sum(({ growth_per_s }) => growth_per_s),
    oldest_age_ms: Math.max(0, ...partitions.map(({ oldest_age_ms }) => oldest_age_ms)),
    ...{ in_flight, in_flight_limit },
    utilisation: in_flight_limit === 0 ? 0 : Math.min(1, in_flight / in_flight_limit),
    service_ms: done === 0 ? 0 : (busy / done) * 1_000,
    waiting: waitsOf(own, tier),
    dependencies: dependencyLoads(own, concurrencyOf(plan, in_flight, in_flight_limit, partitions)),
    pools: poolLoads(own),
    ...(tier === undefined ? {} : { calls: callLoad(own, tier, settings.tiers[tier], looks.before.latencies) }),
  };
}

function partitionLoads(
  group: string,
  { groups_first, groups_last }: Looks,
  seconds: number,
): readonly PartitionLoad[] {
  const nameOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
    `${topic}/${partition}`;
  const first = new Map(
    groups_first.partitions.filter((one) => one.group === group).map((one) => [nameOf(one), one] as const),
  );
  return groups_last.partitions
    .filter((one) => one.group === group)
    .map((one) => {
      const before = first.get(nameOf(one)) ?? one;
      const lag = one.end - one.at;
      return {
        ...{ topic: one.topic, partition: one.partition, member: one.member, oldest_age_ms: one.oldest_age_ms, lag },
        arrivals_per_s: Math.max(0, one.end - before.end) / seconds,
        done_per_s: Math.max(0, one.at - before.at) / seconds,
        growth_per_s: (lag - (before.end - before.at)) / seconds,
      };
    });
}

/** Those whom the broker counts as members. */
function memberLoads(
  group: string,
  look: GroupsLook,
  partitions: readonly PartitionLoad[],
  meters: ReadonlyMap<string, ProcessMeter>,
  at_ms: number,
): readonly MemberLoad[] {
  return look.members
    .filter((member) => member.group === group)
    .map(({ client_id: instance, partitions: held }) => {
      const meter = meters.get(instance);
      const own = partitions.filter(({ member }) => member === instance);
      const sum = (of: (one: PartitionLoad) => number): number => own.reduce((all, one) => all + of(one), 0);
      return {
        instance,
        ...(meter === undefined ? {} : { pid: meter.beat.pid, host: meter.beat.host }),
        silent_ms: meter === undefined ? Number.POSITIVE_INFINITY : Math.max(0, at_ms - meter.beat.at_ms),
        partitions: held,
        arrivals_per_s: sum((one) => one.arrivals_per_s),
        lag: sum((one) => one.lag),
        done_per_s: sum((one) => one.done_per_s),
        in_flight: meter?.gauge("sluice_group_in_flight", { group }) ?? 0,
        in_flight_limit: meter?.gauge("sluice_group_in_flight_limit", { group }) ?? 0,
        loop_busy: Math.min(1, meter?.rate("sluice_event_loop_busy_seconds_total") ?? 0),
        cpu_cores: meter?.rate("process_cpu_seconds_total") ?? 0,
      };
    });
}

/** How many things a stage does at once: what is waited for, over that, is the share of its time. */
function concurrencyOf(
  { batched }: StagePlan,
  in_flight: number,
  in_flight_limit: number,
  partitions: readonly PartitionLoad[],
): number {
  if (!batched) return Math.max(1, in_flight);
  const busy = partitions.filter(({ arrivals_per_s, lag }) => arrivals_per_s > 0 || lag > 0).length;
  return Math.max(1, Math.min(in_flight_limit, busy));
}

/** Where a wait has its tier with it, of that tier alone. */
function waitsOf(meters: readonly ProcessMeter[], tier: string | undefined): Readonly<Record<string, number>> {
  const waits: Record<string, number> = {};
  for (const meter of meters) {
    for (const reason of meter.values("sluice_wait_seconds_sum", "reason")) {
      const has_tier = meter.values("sluice_wait_seconds_sum", "tier", { reason }).length > 0;
      const labels = { reason, ...(has_tier && tier !== undefined ? { tier } : {}) };
      waits[reason] = (waits[reason] ?? 0) + meter.rate("sluice_wait_seconds_sum", labels);
    }
  }
  return waits;
}

function dependencyLoads(meters: readonly ProcessMeter[], concurrency: number): readonly DependencyLoad[] {
  const names = new Set(meters.flatMap((meter) => meter.values("sluice_dependency_seconds_sum", "dependency")));
  return [...names].map((name) => {
    const sum = (of: (meter: ProcessMeter) => number): number => meters.reduce((all, meter) => all + of(meter), 0);
    const waited = sum((meter) => meter.rate("sluice_dependency_seconds_sum", { dependency: name }));
    const calls_per_s = sum((meter) => meter.rate("sluice_dependency_seconds_count", { dependency: name }));
    const mean_ms = calls_per_s === 0 ? 0 : (waited / calls_per_s) * 1_000;
    return { name, calls_per_s, mean_ms, share: Math.min(1, waited / concurrency) };
  });
}

function poolLoads(meters: readonly ProcessMeter[]): readonly PoolLoad[] {
  const names = new Set(meters.flatMap((meter) => meter.values("sluice_pool_limit", "pool")));
  return [...names].map((pool) => {
    const sum = (name: string): number => meters.reduce((all, meter) => all + meter.gauge(name, { pool }), 0);
    return {
      name: pool,
      in_use: sum("sluice_pool_in_use"),
      limit: sum("sluice_pool_limit"),
      waiting: sum("sluice_pool_waiting"),
    };
  });
}
