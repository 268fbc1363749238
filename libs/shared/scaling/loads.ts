/**
 * From what processes say of themselves (beats) and what the broker knows of their groups (backlog), twice, some seconds apart, to how the work
 * of each target stands. Pure.
 *
 * - Targets: ingest, router and results; inference as one where a worker serves several tiers, else each tier by itself.
 * - Rates are differences of counters, so that they are means over the time between the two looks.
 * - What is urgent counts by age and lag; the batch lane may wait, and counts by the room it takes. Only where nobody works, its lag calls
 *   for the first one, unless the provider's Batch API has it.
 * - Of several groups in one target the figures of work are those of the fullest; lag and age the worst of all.
 */
import type { Beat } from "../beats/beat.ts";
import type { Settings } from "../config/schema.ts";
import { topicNames } from "../events/topics.ts";
import type { ScaleTarget, TargetLoad } from "./contract.ts";
import { type BeatPair, growthOf, pairBeats, rateOf, sampleSum, valuesOfLabel } from "./rates.ts";
import { targetName } from "./target.ts";

/** What the broker knows: `libs/shared/kafka/backlog.ts` reads it. */
export type BrokerLook = {
  readonly backlogs: readonly {
    readonly group: string;
    readonly topic: string;
    readonly lag: number;
    readonly oldest_age_ms: number | null;
  }[];
  /** What has ever been written, by topic. */
  readonly ends: ReadonlyMap<string, number>;
  /** By topic. */
  readonly partitions: ReadonlyMap<string, number>;
};

export type Look = { readonly at_ms: number; readonly beats: readonly Beat[]; readonly broker: BrokerLook };

/** What was asked for, and when that last changed. */
export type Asked = { readonly desired: number; readonly since_ms: number };

export type LoadOptions = {
  readonly settings: Settings;
  readonly before: Look;
  readonly now: Look;
  /** The look before `now`, where that is not `before`: what has arrived since is told by itself. */
  readonly last?: Look;
  /** By the target's name. */
  readonly asked?: ReadonlyMap<string, Asked>;
};

/** A consumer group whose backlog calls for replicas. */
export type WorkGroup = {
  readonly group: string;
  /** Its work that a person may wait for. */
  readonly topic: string;
  /** The batch lane's. */
  readonly batch_topic?: string;
  readonly tier?: string;
};

export type Target = { readonly target: ScaleTarget; readonly groups: readonly WorkGroup[] };

/** Whoever was asked for and has not come in so long does not come. */
const START_MS_MAX = 120_000;
/** Waits that are less than this part of the time that records are worked on are noise, and no limit. */
const WAITS_MIN = 0.02;
const PROVIDER_WAITS = ["limit", "concurrency", "breaker"] as const;
/** Failures that say something of the endpoint; a 429 speaks of its limits. */
const THROTTLED = "provider_rate_limited";
const ENDPOINT_FAILURES: readonly string[] = [
  ...["provider_error", "provider_auth", "provider_garbage", "provider_timeout"],
  ...["provider_unreachable", "provider_stream_broken"],
];

/** Groups that wait on purpose (retries, deferrals), and sinks, call for nobody. */
export function workGroups(settings: Settings): readonly Target[] {
  const names = topicNames(settings.topics.prefix);
  const { group_prefix } = settings.consumption;
  const both = (group: string, topic: string): WorkGroup => ({
    group: `${group_prefix}${group}`,
    topic,
    batch_topic: names.batch(topic),
  });
  const tiers = Object.keys(settings.tiers).map((tier) => ({ ...both(`inference.${tier}`, names.jobs(tier)), tier }));
  return [
    { target: { service: "ingest" }, groups: [both("ingest", names.requests)] },
    { target: { service: "router" }, groups: [both("router", names.admitted)] },
    { target: { service: "inference" }, groups: tiers },
    { target: { service: "results" }, groups: [{ group: `${group_prefix}results`, topic: names.outcomes }] },
  ];
}

/** Which targets there are: workers of single tiers are one a tier, also while none of them lives if the settings bound them so. */
export function targetsOf(settings: Settings, beats: readonly Beat[]): Target[] {
  const workers = beats.filter(({ service }) => service === "inference");
  const is_bound = Object.keys(settings.scaling.bounds).some((name) => name.startsWith("inference."));
  const by_tier = workers.length === 0 ? is_bound : workers.every(({ tiers }) => tiers.length === 1);
  return workGroups(settings).flatMap((one) =>
    by_tier && one.target.service === "inference"
      ? one.groups.map((group) => ({
          target: { service: "inference", ...(group.tier && { tier: group.tier }) },
          groups: [group],
        }))
      : [one],
  );
}

export function loadsOf(options: LoadOptions): TargetLoad[] {
  return targetsOf(options.settings, options.now.beats).map((target) => loadOf(target, options));
}

function loadOf({ target, groups }: Target, { settings, before, now, last, asked }: LoadOptions): TargetLoad {
  const { service, tier } = target;
  const pairs = pairBeats(before.beats, now.beats, before.at_ms).filter(
    (pair) => pair.now.service === service && (tier === undefined || pair.now.tiers.includes(tier)),
  );
  const alive = pairs.filter((pair) => !pair.now.draining);
  const stands = groups.map((group) => standOf(group, { settings, before, now, ...(last && { last }) }, pairs, alive));
  const fullest = stands.reduce((most, one) => (isFuller(one, most) ? one : most));
  // What a process burns while it starts is no load.
  const loop = mean(
    alive.filter(({ before: known, elapsed_s }) => known !== undefined && elapsed_s > 0).map(loopUtilisation),
  );
  const max = limitOf(settings, groups);
  const lag_records = Math.max(...stands.map((one) => one.lag_records));
  const name = targetName(target);
  return {
    target,
    at_ms: now.at_ms,
    replicas: alive.length,
    starting: startingOf(asked?.get(name), alive.length, now.at_ms),
    partitions: Math.max(...stands.map((one) => one.partitions)),
    lag_records,
    oldest_age_ms: Math.max(...stands.map((one) => one.oldest_age_ms)),
    arrivals_per_s: fullest.arrivals_per_s,
    ...(fullest.latest_arrivals && { latest_arrivals: fullest.latest_arrivals }),
    done_per_s: fullest.done_per_s,
    in_flight: fullest.in_flight,
    in_flight_limit: fullest.in_flight_limit,
    utilisation: clamp(Math.max(fullest.utilisation, loop)),
    service_ms: fullest.service_ms,
    ...providerOf(pairs, fullest),
    ...(max === undefined ? {} : { provider_max_per_s: max }),
  };
}

type Stand = Pick<TargetLoad, "partitions" | "lag_records" | "oldest_age_ms"> &
  Pick<TargetLoad, "arrivals_per_s" | "latest_arrivals" | "done_per_s"> &
  Pick<TargetLoad, "in_flight" | "in_flight_limit" | "utilisation" | "service_ms"> & {
    readonly busy_per_s: number;
    readonly tier: string | undefined;
  };

/** @param pairs all its processes; `alive` those that take work: who is leaving still ends some. */
function standOf(
  { group, topic, batch_topic, tier }: WorkGroup,
  { settings, before, now, last }: Pick<LoadOptions, "settings" | "before" | "now" | "last">,
  pairs: readonly BeatPair[],
  alive: readonly BeatPair[],
): Stand {
  const by_provider = tier !== undefined && (settings.tiers[tier]?.batch_api.enabled ?? false);
  const urgent = alive.length > 0 || by_provider || batch_topic === undefined ? [topic] : [topic, batch_topic];
  const counted = by_provider || batch_topic === undefined ? [topic] : [topic, batch_topic];
  const backlogs = now.broker.backlogs.filter((one) => one.group === group && urgent.includes(one.topic));
  const ages = alive.map((pair) => oldestAge_ms(pair.now, group, topic));
  const in_flight_limit = sum(alive.map((pair) => sampleSum(pair.now, "sluice_group_in_flight_limit", { group })));
  const busy_per_s = rateOf(pairs, "sluice_group_busy_seconds_total", { group });
  const done_per_s = rateOf(pairs, "sluice_records_done_total", { group });
  return {
    partitions: now.broker.partitions.get(topic) ?? 0,
    lag_records: sum(backlogs.map(({ lag }) => lag)),
    oldest_age_ms: Math.max(0, ...ages, ...backlogs.map(({ oldest_age_ms }) => oldest_age_ms ?? 0)),
    arrivals_per_s: sum(counted.map((one) => arrivals(one, before, now))),
    ...(last && {
      latest_arrivals: { per_s: sum(counted.map((one) => arrivals(one, last, now))), over_ms: now.at_ms - last.at_ms },
    }),
    done_per_s,
    in_flight: sum(pairs.map((pair) => sampleSum(pair.now, "sluice_group_in_flight", { group }))),
    in_flight_limit,
    utilisation:
      in_flight_limit === 0 ? 0 : rateOf(alive, "sluice_group_busy_seconds_total", { group }) / in_flight_limit,
    service_ms: done_per_s === 0 ? 0 : (1_000 * busy_per_s) / done_per_s,
    busy_per_s,
    tier,
  };
}

function isFuller(one: Stand, other: Stand): boolean {
  if (one.utilisation !== other.utilisation) return one.utilisation > other.utilisation;
  return one.lag_records > other.lag_records;
}

/** A topic that has been made anew ends earlier than before: what is there has arrived. */
function arrivals(topic: string, before: Look, now: Look): number {
  const elapsed_ms = now.at_ms - before.at_ms;
  const [end, earlier] = [now.broker.ends.get(topic), before.broker.ends.get(topic)];
  if (end === undefined || earlier === undefined || elapsed_ms <= 0) return 0;
  return (1_000 * (end >= earlier ? end - earlier : end)) / elapsed_ms;
}

/** Below a second the broker tells no age; the worker does, of what was delivered to it. */
function oldestAge_ms(beat: Beat, group: string, topic: string): number {
  return 1_000 * sampleSum(beat, "sluice_oldest_unfinished_age_seconds", { group, topic });
}

function loopUtilisation(pair: BeatPair): number {
  return growthOf(pair, "sluice_event_loop_busy_seconds_total") / pair.elapsed_s;
}

function startingOf(asked: Asked | undefined, replicas: number, now_ms: number): number {
  if (asked === undefined || now_ms - asked.since_ms > START_MS_MAX) return 0;
  return Math.max(0, asked.desired - replicas);
}

/** Of the fullest group's tier: what the provider holds up and what it fails at. Zero where no models are called. */
function providerOf(
  pairs: readonly BeatPair[],
  { tier, busy_per_s }: Stand,
): Pick<TargetLoad, "error_ratio" | "provider_limited_ratio"> {
  if (tier === undefined) return { error_ratio: 0, provider_limited_ratio: 0 };
  const waits = "sluice_wait_seconds_sum";
  // A process may tell its waits without the tier: then they are of all its tiers.
  const labels = valuesOfLabel(pairs, waits, "tier").includes(tier) ? { tier } : {};
  const waitedFor = (reason: string): number => rateOf(pairs, waits, { ...labels, reason });
  const calls = "sluice_model_calls_total";
  const made = rateOf(pairs, calls, { tier });
  const ended = (outcome: string): number => (made === 0 ? 0 : rateOf(pairs, calls, { tier, outcome }) / made);
  const waited = Math.max(rateOf(pairs, waits, labels), WAITS_MIN * busy_per_s);
  const limited = waited === 0 ? 0 : sum(PROVIDER_WAITS.map(waitedFor)) / waited;
  return {
    error_ratio: clamp(sum(ENDPOINT_FAILURES.map(ended))),
    provider_limited_ratio: clamp(Math.max(limited, ended(THROTTLED))),
  };
}

/** Requests a second that the provider lets through, for one tier; of several together there is no one limit. */
function limitOf(settings: Settings, groups: readonly WorkGroup[]): number | undefined {
  const [only, ...others] = groups;
  if (only?.tier === undefined || others.length > 0) return undefined;
  const per_minute = settings.tiers[only.tier]?.limits.requests_per_minute;
  return per_minute === undefined ? undefined : per_minute / 60;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

function clamp(share: number): number {
  return Math.max(0, Math.min(1, share));
}
