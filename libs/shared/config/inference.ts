/** Settings of the calls to models: endpoints, tiers, and what inference does between a job and its answer. */
import { z } from "zod";

const count = z.int().positive();
const duration_ms = z.int().nonnegative();
const ratio = z.number().positive().max(1);
const variable = z.string().min(1);

export const endpointSchema = z.strictObject({
  /** The environment variable with the OpenAI-compatible base URL, ending in /v1. */
  base_url_env: variable.default("OPENAI_BASE_URL"),
  /** The variable with the API key; several are used in turn, and one that is refused is left out. */
  api_key_env: z.union([variable, z.array(variable).min(1)]).default("OPENAI_API_KEY"),
  /** Connections kept open to it at the most. */
  connections_max: count.default(256),
  /** Its share beside others of the same tier, for `balancing: weighted` and `adaptive`. */
  weight: count.default(1),
});

/** Of the provider, for the whole tier, whatever the number of workers. */
const limits = z.strictObject({
  requests_per_minute: count.optional(),
  tokens_per_minute: count.optional(),
  /** `assignment`: each worker has the share of its partitions; `shared`: all workers take from one bucket in Redis. */
  scope: z.enum(["assignment", "shared"]).default("assignment"),
});
export type LimitSettings = z.infer<typeof limits>;

const batching = z.strictObject({
  /** Requests sent together at the most. */
  size_max: count.default(64),
  /** How long the first one waits for others while calls are in flight. Default: 5 for embeddings, 0 for chat. */
  wait_ms: duration_ms.optional(),
  bytes_max: count.default(1024 * 1024),
  tokens_max: count.default(100_000),
  /** Batches shrink while their calls take longer than this. */
  latency_target_ms: count.default(2_000),
});
export type BatchingSettings = z.infer<typeof batching>;

/** The provider's Batch API for the batch lane: half the price, within a day. */
const batch_api = z.strictObject({
  enabled: z.boolean().default(false),
  /** Requests of one provider batch at the most. */
  size_max: z.int().min(1).max(50_000).default(5_000),
  bytes_max: count.default(64 * 1024 * 1024),
  /** How long the first request waits for others. */
  wait_ms: duration_ms.default(10_000),
  poll_ms: count.default(10_000),
  /** A request with less time left than this is called at once, at full price. */
  deadline_margin_minutes: count.default(24 * 60),
});
export type BatchApiSettings = z.infer<typeof batch_api>;

export const tierSchema = z.strictObject({
  kind: z.enum(["chat", "embeddings"]).default("chat"),
  /** Every model name that means this tier; the first is the one called, the others stand in when it is not there. */
  models: z.array(z.string().min(1)).min(1),
  /** One endpoint, or several that serve the same models. */
  endpoint: z.union([z.string(), z.array(z.string()).min(1)]).default("default"),
  /** System prompts by version, and the one that is put before the messages of every request of the tier; none unless set. */
  prompts: z.record(z.string().min(1).max(64), z.string().min(1).max(100_000)).default({}),
  prompt: z.string().optional(),
  balancing: z.enum(["round_robin", "weighted", "least_in_flight", "peak_ewma", "adaptive"]).default("peak_ewma"),
  /** Calls in flight per process. */
  in_flight_max: count.default(64),
  timeout_ms: count.default(120_000),
  limits: limits.prefault({}),
  batching: batching.prefault({}),
  batch_api: batch_api.prefault({}),
});
export type TierSettings = z.infer<typeof tierSchema>;

/** US dollars per million tokens. Without prices of its own, a call through the Batch API costs half. */
export const priceSchema = z.strictObject({
  input_usd_per_mtok: z.number().nonnegative(),
  cached_input_usd_per_mtok: z.number().nonnegative().optional(),
  output_usd_per_mtok: z.number().nonnegative().default(0),
  batch_input_usd_per_mtok: z.number().nonnegative().optional(),
  batch_output_usd_per_mtok: z.number().nonnegative().optional(),
  /** The most that the model writes in one answer: bounds what an answer may cost where nobody else does. */
  output_tokens_max: count.default(16_384),
  /** How prompt tokens are counted before a call: an encoding of OpenAI's, or by bytes (`bytes_per_token`). */
  encoding: z.enum(["o200k_base", "cl100k_base", "bytes"]).default("o200k_base"),
  /** Of `bytes`: as few as the model's tokenizer may need for one token, so that the estimate is an upper bound. */
  bytes_per_token: z.number().positive().default(2.5),
});

const ledger = z.strictObject({
  /** What becomes of a job whose earlier call has an unknown answer: called again, or a dead letter for a person to decide. */
  on_unknown: z.enum(["retry", "quarantine"]).default("retry"),
  /** How long an answer that is not yet published is kept. */
  answer_ttl_hours: count.default(24),
  /** How long a published job is remembered, so that a repeat of it is not called again. */
  published_ttl_minutes: count.default(10),
  /** A worker that says nothing for so long is taken for dead: its calls have unknown answers. */
  alive_ttl_ms: z.int().min(1_000).default(6_000),
});
export type LedgerSettings = z.infer<typeof ledger>;

const concurrency = z.strictObject({
  /** The least that calls in flight per endpoint fall to. */
  min: count.default(4),
  /** What the limit is multiplied by on 429, 5xx or a latency far above the usual. */
  decrease: ratio.default(0.7),
  /** Latency above so many times the usual counts as overload. */
  latency_factor: z.number().min(1).default(5),
});
export type ConcurrencySettings = z.infer<typeof concurrency>;

const health = z.strictObject({
  /** The last so many calls say how an endpoint is. */
  window_calls: count.default(50),
  degraded_error_ratio: ratio.default(0.2),
  unhealthy_error_ratio: ratio.default(0.6),
  /** Every so often an endpoint that is not healthy is asked for its models. */
  probe_interval_ms: count.default(5_000),
  probe_timeout_ms: count.default(5_000),
});
export type HealthSettings = z.infer<typeof health>;

const breaker = z.strictObject({
  /** The breaker opens when so large a part of the calls within `window_ms` failed, of `calls_min` at least. */
  failure_ratio: ratio.default(0.7),
  window_ms: count.default(10_000),
  calls_min: count.default(20),
  /** How long it stays open before one call tries again. */
  open_ms: count.default(5_000),
});
export type BreakerSettings = z.infer<typeof breaker>;

const warm_up = z.strictObject({
  enabled: z.boolean().default(true),
  /** Connections opened to each endpoint, each with one call of one token. */
  connections: count.default(2),
  /** A worker whose endpoints do not answer joins its group after this all the same. */
  wait_ms_max: duration_ms.default(20_000),
});
export type WarmUpSettings = z.infer<typeof warm_up>;

const stream = z.strictObject({
  /** Events kept per stream; a slow reader of a longer one loses the oldest. */
  events_max: count.default(10_000),
  ttl_minutes: count.default(60),
  /** Events of one stream are written together at most this often. */
  flush_ms: duration_ms.default(20),
  /** A provider's stream that has begun and then says nothing for so long is given up. */
  idle_ms: count.default(60_000),
});
export type StreamSettings = z.infer<typeof stream>;

/** After the attempts inside the process: by `llm.retry.<delay>` and ingest, round by round, each with the next delay. */
const redelivery = z.strictObject({
  rounds_max: z.int().nonnegative().default(3),
  /** Counted from the request's arrival. */
  age_max_minutes: count.default(60),
});
export type RedeliverySettings = z.infer<typeof redelivery>;

/** When most of what comes would be dead-lettered, the fault is not in the requests: inference holds instead. */
const dead_letter_guard = z.strictObject({
  ratio: ratio.default(0.8),
  window_requests: count.default(50),
  pause_ms: count.default(30_000),
});
export type DeadLetterGuardSettings = z.infer<typeof dead_letter_guard>;

export const inferenceSchema = z.strictObject({
  /** Calls made for one job in one go at the most, while the failure may pass. */
  attempts_max: count.default(4),
  retry: z.strictObject({ base_ms: count, cap_ms: count }).default({ base_ms: 500, cap_ms: 5_000 }),
  response_bytes_max: count.default(8 * 1024 * 1024),
  ledger: ledger.prefault({}),
  redelivery: redelivery.prefault({}),
  dead_letter_guard: dead_letter_guard.prefault({}),
  concurrency: concurrency.prefault({}),
  health: health.prefault({}),
  breaker: breaker.prefault({}),
  warm_up: warm_up.prefault({}),
  stream: stream.prefault({}),
});
