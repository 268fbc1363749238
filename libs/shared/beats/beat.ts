/**
 * A beat: what a process says of itself every `observation.beat_ms`, so that whoever scales, advises or shows the whole sees every
 * process without finding and scraping it. It is a choice of the process's own metrics, as they stand. Pure.
 */

/** One value of a metric. Of a histogram there are two: `<name>_sum` and `<name>_count`. */
export type Sample = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
};

export type Beat = {
  readonly service: string;
  /** Unique among all processes, also over restarts. */
  readonly instance: string;
  readonly host: string;
  readonly pid: number;
  /** Of an inference worker: the tiers it serves. Empty for other services. */
  readonly tiers: readonly string[];
  /** It is leaving: it takes nothing new. */
  readonly draining: boolean;
  /** Epoch ms. */
  readonly started_ms: number;
  readonly at_ms: number;
  /** Counters count from the process's start; gauges are as of `at_ms`. */
  readonly samples: readonly Sample[];
};

/** The metrics that beats carry. Names only: docs/metrics.md says what each means. */
export const BEAT_METRICS: readonly string[] = [
  "process_cpu_seconds_total",
  "process_resident_memory_bytes",
  "sluice_event_loop_busy_seconds_total",
  "sluice_in_flight",
  "sluice_in_flight_limit",
  "sluice_group_in_flight",
  "sluice_group_in_flight_limit",
  "sluice_group_busy_seconds_total",
  "sluice_records_done_total",
  "sluice_records_queued",
  "sluice_partitions_assigned",
  "sluice_lag_records",
  "sluice_oldest_unfinished_age_seconds",
  "sluice_consumer_restarts_total",
  "sluice_batch_size",
  "sluice_wait_seconds",
  "sluice_model_calls_total",
  "gen_ai_client_operation_duration_seconds",
  "sluice_endpoint_in_flight",
  "sluice_endpoint_concurrency_limit",
  "sluice_endpoint_breaker_open",
  "sluice_endpoint_health",
  "sluice_endpoint_latency_seconds",
  "sluice_endpoint_calls_total",
  "sluice_dependency_seconds",
  "sluice_pool_in_use",
  "sluice_pool_limit",
  "sluice_pool_waiting",
  "sluice_cache_total",
  "sluice_cache_entries",
  "sluice_results_total",
  "sluice_request_seconds",
  "sluice_pipeline_overhead_seconds",
];

/** Where beats are kept. Each is gone when its process has been silent for `observation.beat_ttl_ms`. */
export interface BeatStore {
  write(beat: Beat): Promise<void>;
  /** The newest beat of every process that still gives signs. @throws retryable when Redis is away. */
  all(now_ms: number): Promise<readonly Beat[]>;
  /** Of a process that ends well. */
  remove(service: string, instance: string): Promise<void>;
}
