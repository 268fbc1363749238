/**
 * What a traffic needs to run: processes, partitions, brokers, Redis, Postgres and GPUs at its busiest minute, and disk and memory for what is
 * kept. Means go in and a peak factor, so means come out: docs/scale.md has the arithmetic and what it leaves out. Pure.
 */
import { type Bytes, bytesOf, type Footprint } from "./footprint.ts";
import type { Traffic } from "./forecast.ts";

/** How it is run: from the settings file, and what only its owner knows. */
export type Site = {
  readonly retention_hours: number;
  readonly replication_factor: number;
  readonly seen_ttl_hours: number;
  readonly job_view_ttl_hours: number;
  readonly cache_ttl_hours: number;
  readonly keep_days: number;
  /** Questions are embedded and looked for by meaning, by so many threads of each router. */
  readonly embedding_workers: number;
  /** Of the requests, the largest tenant's. */
  readonly largest_tenant_share: number;
  /** Tiers that stand in the settings: each has its topics, also where this traffic has none of it. */
  readonly tiers: number;
  readonly retry_delays: number;
  /** Of tiers that run on machines of one's own: what one GPU does. */
  readonly gpus: Readonly<Record<string, Gpu>>;
};

/** Throughput of one GPU with its batches full, as the server's own benchmark gives it. */
export type Gpu = { readonly prefill_tokens_per_s: number; readonly decode_tokens_per_s: number };

/** What one of each may be asked for. Sources: docs/scale.md. */
export type Units = {
  /** How full cores, workers, partitions and GPUs may be at the peak. */
  readonly utilisation_max: number;
  /** Requests a second that one partition carries, as each service works on one. */
  readonly partition_requests_per_s: number;
  readonly broker_cores: number;
  /** Written to one broker's disk, replicas among it. */
  readonly broker_bytes_per_s: number;
  readonly broker_partitions: number;
  readonly redis_node_bytes: number;
  /** Of each service: one may end at any time. */
  readonly replicas_min: number;
};

export const UNITS: Units = {
  utilisation_max: 0.7,
  partition_requests_per_s: 250,
  broker_cores: 4,
  broker_bytes_per_s: 75e6,
  broker_partitions: 4_000,
  redis_node_bytes: 16 * 1024 ** 3,
  replicas_min: 2,
};

export type BoundBy = "cpu" | "calls in flight" | "embedding" | "one may end";

export type ServiceNeed = {
  readonly service: string;
  readonly tier?: string;
  readonly cores: number;
  readonly replicas: number;
  readonly bound_by: BoundBy;
};

export type TierNeed = {
  readonly tier: string;
  /** In the busiest minute. */
  readonly requests_per_minute: number;
  readonly tokens_per_minute: number;
  readonly calls_in_flight: number;
  /** Undefined for a tier whose provider runs it. */
  readonly gpus?: number;
  readonly gpu_bound_by?: "prefill" | "decode";
};

export type Capacity = {
  readonly requests_per_s_mean: number;
  readonly requests_per_s_peak: number;
  readonly services: readonly ServiceNeed[];
  readonly tiers: readonly TierNeed[];
  readonly kafka: {
    /** Of each work topic. */
    readonly partitions: number;
    /** Replicas of all topics' partitions. */
    readonly partition_replicas: number;
    /** Replicas among it. */
    readonly disk_bytes: number;
    readonly write_bytes_per_s_peak: number;
    readonly brokers: number;
    readonly bound_by: "replication" | "cpu" | "bytes written" | "partitions";
  };
  readonly redis: {
    readonly memory_bytes: number;
    readonly cores: number;
    /** Masters; each wants a replica. */
    readonly nodes: number;
    readonly bound_by: "memory" | "cpu";
    /** Of its one node: a tenant's keys share a slot. */
    readonly largest_tenant_cores: number;
  };
  readonly postgres: { readonly disk_bytes: number; readonly rows_per_s_peak: number; readonly cores: number };
  readonly cache_entries: number;
};

const DAY_S = 86_400;
/** Rows of a result and of its claim. */
const ROWS_PER_REQUEST = 2;
const LEDGER_DAYS = 40;
/** The two lanes of requests, admitted and each tier; outcomes, results, deferred, dead letters, usage, cache; those of one partition are left out. */
const LANES = 2;
const OTHER_TOPICS = 6;

export function capacity(traffic: Traffic, site: Site, footprint: Footprint, units: Units = UNITS): Capacity {
  const mean = traffic.requests_per_day / DAY_S;
  const peak = mean * traffic.peak_factor;
  const tiers = traffic.tiers.map((_, index) => tierNeed(traffic, site, units, index, peak));
  const services = serviceNeeds(traffic, site, footprint, units, peak, tiers);
  const cache_entries = (traffic.requests_per_day * (1 - traffic.hit_ratio) * site.cache_ttl_hours) / 24;
  return {
    requests_per_s_mean: mean,
    requests_per_s_peak: peak,
    services,
    tiers,
    kafka: kafkaNeed(traffic, site, footprint, units, peak, services),
    redis: redisNeed(traffic, site, footprint, units, peak),
    postgres: {
      disk_bytes: traffic.requests_per_day * site.keep_days * bytesOf(footprint.postgres, traffic),
      rows_per_s_peak: peak * ROWS_PER_REQUEST,
      cores: coresFor(peak, footprint.cpu_ms.postgres, units),
    },
    cache_entries,
  };
}

function coresFor(requests_per_s: number, cpu_ms: number, { utilisation_max }: Units): number {
  return (requests_per_s * cpu_ms) / 1_000 / utilisation_max;
}

function tierNeed(traffic: Traffic, site: Site, units: Units, index: number, peak: number): TierNeed {
  const { tiers, tokens_in, tokens_out, hit_ratio, escalated_ratio } = traffic;
  const tier = tiers[index] as (typeof tiers)[number];
  const weaker = tiers.slice(0, -1).reduce((sum, { share }) => sum + share, 0);
  const share = tier.share + (index === tiers.length - 1 ? weaker * escalated_ratio : 0);
  const calls_per_s = peak * (1 - hit_ratio) * share;
  const need = {
    tier: tier.tier,
    requests_per_minute: calls_per_s * 60,
    tokens_per_minute: calls_per_s * 60 * (tokens_in + tokens_out),
    // Little's law.
    calls_in_flight: (calls_per_s * tier.service_ms) / 1_000,
  };
  const gpu = site.gpus[tier.tier];
  if (gpu === undefined) return need;
  const prefill = (calls_per_s * tokens_in) / gpu.prefill_tokens_per_s;
  const decode = (calls_per_s * tokens_out) / gpu.decode_tokens_per_s;
  // One GPU does both by turns, so their times add up.
  const gpus = Math.max(1, Math.ceil((prefill + decode) / units.utilisation_max));
  return { ...need, gpus, gpu_bound_by: prefill > decode ? "prefill" : "decode" };
}

/** A process uses one core for its own code; embedding has threads beside it. */
function serviceNeeds(
  traffic: Traffic,
  { embedding_workers }: Site,
  { cpu_ms }: Footprint,
  units: Units,
  peak: number,
  tiers: readonly TierNeed[],
): ServiceNeed[] {
  const plain = (service: string, each_ms: number): ServiceNeed => need({ service }, coresFor(peak, each_ms, units), 0);
  const need = (who: { service: string; tier?: string }, cores: number, others: number): ServiceNeed => {
    const by_cpu = Math.ceil(cores);
    const replicas = Math.max(units.replicas_min, by_cpu, others);
    const bound_by: BoundBy =
      replicas === units.replicas_min && by_cpu < replicas && others < replicas
        ? "one may end"
        : by_cpu >= others
          ? "cpu"
          : who.service === "router"
            ? "embedding"
            : "calls in flight";
    return { ...who, cores, replicas, bound_by };
  };
  const embedding_ms =
    embedding_workers === 0
      ? 0
      : cpu_ms.embedding + cpu_ms.embedding_per_token * Math.min(traffic.tokens_in, EMBEDDED_TOKENS_MAX);
  const embedding = coresFor(peak, embedding_ms, units);
  const router = need(
    { service: "router" },
    coresFor(peak, cpu_ms.router, units),
    embedding_workers === 0 ? 0 : Math.ceil(embedding / embedding_workers),
  );
  const inference = tiers.map((tier, index) => {
    const calls_per_s = tier.requests_per_minute / 60;
    const places = (traffic.tiers[index]?.in_flight_max ?? 1) * units.utilisation_max;
    const who = { service: "inference", tier: tier.tier };
    return need(who, coresFor(calls_per_s, cpu_ms.inference, units), Math.ceil(tier.calls_in_flight / places));
  });
  return [
    plain("gateway", cpu_ms.gateway),
    plain("ingest", cpu_ms.ingest),
    { ...router, cores: router.cores + embedding },
    ...inference,
    plain("results", cpu_ms.results),
  ];
}

/** What the embedder reads of a text (`cache.semantic.text_chars_max` and the model's own limit). */
const EMBEDDED_TOKENS_MAX = 256;

function kafkaNeed(
  traffic: Traffic,
  site: Site,
  footprint: Footprint,
  units: Units,
  peak: number,
  services: readonly ServiceNeed[],
): Capacity["kafka"] {
  const each = (bytes: Bytes): number => bytesOf(bytes, traffic);
  const kept_per_request =
    (each(footprint.topics) * site.retention_hours) / 24 +
    each(footprint.ledger) * LEDGER_DAYS +
    (each(footprint.cache) * (1 - traffic.hit_ratio) * site.cache_ttl_hours) / 24;
  const written = each(footprint.topics) + each(footprint.ledger) + each(footprint.cache) * (1 - traffic.hit_ratio);
  const write_bytes_per_s_peak = peak * written * site.replication_factor;
  const members = Math.max(...services.filter(({ service }) => service !== "gateway").map(({ replicas }) => replicas));
  const carried = Math.ceil(peak / (units.partition_requests_per_s * units.utilisation_max));
  const partitions = roundPartitions(Math.max(carried, members));
  const topics = LANES * (2 + site.tiers) + OTHER_TOPICS + site.retry_delays;
  const partition_replicas = topics * partitions * site.replication_factor;
  const by = {
    replication: site.replication_factor,
    cpu: Math.ceil((coresFor(peak, footprint.cpu_ms.kafka, units) * site.replication_factor) / units.broker_cores),
    "bytes written": Math.ceil(write_bytes_per_s_peak / (units.broker_bytes_per_s * units.utilisation_max)),
    partitions: Math.ceil(partition_replicas / units.broker_partitions),
  };
  const [bound_by, brokers] = (Object.entries(by) as [Capacity["kafka"]["bound_by"], number][]).reduce((most, one) =>
    one[1] > most[1] ? one : most,
  );
  const disk_bytes = traffic.requests_per_day * kept_per_request * site.replication_factor;
  return { partitions, partition_replicas, disk_bytes, write_bytes_per_s_peak, brokers, bound_by };
}

/** Numbers that many counts of members divide: all have as much to do. */
function roundPartitions(least: number): number {
  for (let size = 4; ; size *= 2) {
    for (const partitions of [size, size * 1.5]) if (partitions >= least) return partitions;
  }
}

function redisNeed(traffic: Traffic, site: Site, footprint: Footprint, units: Units, peak: number): Capacity["redis"] {
  const kept = (bytes: Bytes, hours: number): number => (bytesOf(bytes, traffic) * hours) / 24;
  const memory_bytes =
    traffic.requests_per_day *
    (kept(footprint.seen, site.seen_ttl_hours) +
      kept(footprint.job_view, site.job_view_ttl_hours) +
      kept(footprint.cache_answer, site.cache_ttl_hours) * (1 - traffic.hit_ratio));
  const cores = coresFor(peak, footprint.cpu_ms.redis, units);
  const by_memory = Math.ceil(memory_bytes / (units.redis_node_bytes * units.utilisation_max));
  const by_cpu = Math.ceil(cores);
  return {
    memory_bytes,
    cores,
    nodes: Math.max(1, by_memory, by_cpu),
    bound_by: by_memory > by_cpu ? "memory" : "cpu",
    largest_tenant_cores: cores * site.largest_tenant_share,
  };
}
