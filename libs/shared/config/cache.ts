/** Settings of the answer cache: exact, semantic, and how its errors are kept down. */
import { z } from "zod";

const count = z.int().positive();
const ratio = z.number().min(0).max(1);
const usd = z.number().nonnegative().max(9_000_000);

const exact = z.strictObject({
  enabled: z.boolean().default(true),
  /** Answers kept in each router's memory, those used last. */
  local_entries_max: count.default(10_000),
  local_bytes_max: count.default(32 * 1024 * 1024),
});

/** Identical requests under way at once share one call. */
const coalesce = z.strictObject({
  enabled: z.boolean().default(true),
  /** Requests that wait for another's answer in one router; what comes beyond is called for itself. */
  waiting_max: count.default(2_000),
  /** How long one waits at the most before it is called for itself. */
  wait_ms_max: count.default(120_000),
  /** How often the answer is looked for, beside the word that it is there. */
  poll_ms: count.default(500),
});

const embedding = z.strictObject({
  /** An endpoint of `endpoints` with `/embeddings`; left out: the model runs in this process. */
  endpoint: z.string().optional(),
  /** Part of every entry's namespace: another model finds none of the entries of this one. */
  model: z.string().min(1).default("all-minilm-l6-v2-q"),
  /** Threads that embed, of a model in process. */
  workers: count.max(64).default(2),
  /** Texts embedded together at the most. */
  batch_max: count.default(16),
  /** Texts that wait to be embedded; beyond it a request goes on without the semantic cache. */
  waiting_max: count.default(1_000),
  timeout_ms: count.default(2_000),
  /** Vectors of texts seen lately. */
  remembered_max: count.default(10_000),
});
export type EmbeddingSettings = z.infer<typeof embedding>;

/** A share of the semantic hits is run for real in the background, and what differs moves the threshold. */
const checks = z.strictObject({
  sample_ratio: ratio.default(0.01),
  /** Of the checks alone, in a UTC day: they never touch a tenant's budget. */
  budget_day_usd: usd.default(1),
  /** Two answers whose embeddings are as near as this say the same. */
  similarity_min: ratio.default(0.8),
  /** Of one tenant, before its threshold moves. */
  checks_min: count.default(20),
  /** Of one tenant, the latest so many count. */
  window: count.default(200),
  /** How far the threshold may move from the fitted one, down and up. */
  threshold_lower_max: ratio.default(0.05),
  threshold_raise_max: ratio.default(0.5),
});
export type CheckSettings = z.infer<typeof checks>;

const semantic = z.strictObject({
  enabled: z.boolean().default(true),
  embedding: embedding.prefault({}),
  /** Of all semantic hits, the part that may be wrong. What the calibration cannot promise is not answered from the cache. */
  max_error: z.number().positive().max(0.5).default(0.02),
  /** What `sluice cache calibrate` wrote; left out: the one that comes with the code. */
  calibration_file: z.string().optional(),
  /** A last user turn that is longer is not looked for. */
  text_chars_max: count.default(2_000),
  /** The nearest entries that are looked at. */
  candidates_max: count.max(64).default(4),
  /** Entries of all tenants that a router holds, those used last. */
  entries_max: count.default(100_000),
  /** Of one tenant. */
  tenant_entries_max: count.default(50_000),
  checks: checks.prefault({}),
});
export type SemanticSettings = z.infer<typeof semantic>;

export const cacheSchema = z.strictObject({
  /** Part of every fingerprint: another value finds nothing of what was cached before. */
  version: z.string().max(100).default("1"),
  ttl_hours: z.number().positive().max(8_760).default(24),
  /** A longer request is not looked for. */
  request_bytes_max: count.default(256 * 1024),
  /** A longer answer is not kept. */
  response_bytes_max: count.default(256 * 1024),
  exact: exact.prefault({}),
  coalesce: coalesce.prefault({}),
  semantic: semantic.prefault({}),
});
export type CacheSettings = z.infer<typeof cacheSchema>;
