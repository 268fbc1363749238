/** What advice is made of: how every stage did over some seconds. Rates are means over that time. Pure. */

export type PartitionLoad = {
  readonly topic: string;
  readonly partition: number;
  readonly arrivals_per_s: number;
  readonly done_per_s: number;
  /** Records that are not finished, those worked on included. */
  readonly lag: number;
  readonly growth_per_s: number;
  readonly oldest_age_ms: number;
  /** Instance that holds it; null: nobody does. */
  readonly member: string | null;
};

export type MemberLoad = {
  readonly instance: string;
  /** Undefined where it never gave a sign of life. */
  readonly pid?: number;
  readonly host?: string;
  /** Since its last beat. */
  readonly silent_ms: number;
  readonly partitions: number;
  /** Of its partitions together. */
  readonly arrivals_per_s: number;
  readonly lag: number;
  /** By what it committed. */
  readonly done_per_s: number;
  /** Means; in records (batched stages: in batches where the limit counts batches). */
  readonly in_flight: number;
  readonly in_flight_limit: number;
  /** Part of the time in which the event loop worked, 0 to 1. */
  readonly loop_busy: number;
  /** Cores used, all threads. */
  readonly cpu_cores: number;
};

export type DependencyLoad = {
  readonly name: string;
  readonly calls_per_s: number;
  readonly mean_ms: number;
  /** Of the stage's working time, the part spent waiting for it: 0 to 1. */
  readonly share: number;
};

export type PoolLoad = {
  readonly name: string;
  readonly in_use: number;
  readonly limit: number;
  readonly waiting: number;
};

export type EndpointLoad = {
  readonly name: string;
  readonly calls_per_s: number;
  readonly throttled_per_s: number;
  readonly failed_per_s: number;
  /** Calls in flight, and how many are allowed now; over all workers. */
  readonly in_flight: number;
  readonly limit: number;
  readonly latency_ms: number;
  /** Part of the time, 0 to 1. */
  readonly breaker_open: number;
  /** In the hour before, median; null where there were too few calls. */
  readonly latency_before_ms: number | null;
};

/** Calls of an inference stage. */
export type CallLoad = {
  readonly calls_per_s: number;
  /** Mean calls under way, and how many the settings allow (`in_flight_max` of every worker). */
  readonly in_flight: number;
  readonly limit_max: number;
  readonly latency_ms: number;
  readonly endpoints: readonly EndpointLoad[];
  /** Requests of a call, mean; 1 where the tier does not batch. */
  readonly batch_mean: number;
};

export type StageLoad = {
  readonly name: string;
  readonly service: string;
  readonly group: string;
  readonly tier?: string;
  readonly order: number;
  readonly batched: boolean;
  /** Its members are being counted anew. */
  readonly rebalancing: boolean;
  readonly partitions: readonly PartitionLoad[];
  readonly members: readonly MemberLoad[];
  readonly arrivals_per_s: number;
  readonly done_per_s: number;
  readonly lag: number;
  readonly growth_per_s: number;
  readonly oldest_age_ms: number;
  readonly in_flight: number;
  readonly in_flight_limit: number;
  /** `in_flight / in_flight_limit`, 0 to 1. */
  readonly utilisation: number;
  /** What a record takes while it is worked on, mean. */
  readonly service_ms: number;
  /** By reason: records that waited for it, mean; `sluice_wait_seconds`. */
  readonly waiting: Readonly<Record<string, number>>;
  readonly dependencies: readonly DependencyLoad[];
  readonly pools: readonly PoolLoad[];
  readonly calls?: CallLoad;
};

export type CacheLoad = {
  readonly hits_per_s: number;
  readonly misses_per_s: number;
  /** Of what was looked for; null where nothing was. */
  readonly hit_ratio: number | null;
  readonly entries: number;
  /** Before the looks; null where too little was looked for. */
  readonly before: { readonly hit_ratio: number; readonly of: "hour" | "day" } | null;
};

/** The most frequent key of a partition, in its newest records. */
export type HotKey = {
  readonly topic: string;
  readonly partition: number;
  /** Only where it was asked for: sessions may be personal. */
  readonly key?: string;
  readonly share: number;
  readonly keys: number;
  readonly records: number;
};

export type TierFacts = {
  readonly kind: "chat" | "embeddings";
  readonly endpoints: readonly string[];
  readonly balancing: string;
  readonly in_flight_max: number;
  readonly connections_max: Readonly<Record<string, number>>;
  readonly requests_per_minute?: number;
  readonly tokens_per_minute?: number;
  readonly batch_size_max: number;
};

/** What advice needs of the settings. */
export type SettingsFacts = {
  readonly topic_prefix: string;
  readonly beat_ms: number;
  readonly target_age_ms: number;
  readonly session_timeout_ms: number;
  readonly results_in_flight_max: number;
  readonly embedding: { readonly remote: boolean; readonly workers: number; readonly enabled: boolean };
  readonly cache_version: string;
  readonly tiers: Readonly<Record<string, TierFacts>>;
};

export type Observation = {
  readonly at_ms: number;
  readonly seconds: number;
  readonly stages: readonly StageLoad[];
  readonly cache: CacheLoad;
  readonly hot_keys: readonly HotKey[];
  readonly settings: SettingsFacts;
};
