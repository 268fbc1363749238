/** Fields that several events share. Wire fields are snake_case; times are epoch milliseconds. */
import { z } from "zod";

/** Ids and tenant names travel in URLs, Redis keys and headers: a plain alphabet keeps them apart from syntax. */
export const ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/;
export const TENANT_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const idField = z
  .string()
  .regex(ID_PATTERN, "must be 1 to 200 characters of A-Z a-z 0-9 . _ : - and start with a letter or digit");
export const tenantField = z
  .string()
  .regex(TENANT_PATTERN, "must be 1 to 64 characters of A-Z a-z 0-9 . _ - and start with a letter or digit");

export const laneField = z.enum(["interactive", "batch"]);

/** As OpenAI's `metadata`: at most 16 pairs, keys up to 64 and values up to 512 characters. */
export const metadataField = z
  .record(z.string().min(1).max(64), z.string().max(512))
  .refine((metadata) => Object.keys(metadata).length <= 16, "must hold at most 16 pairs");

export const timingField = z.object({
  received: z.number().optional(),
  admitted: z.number().optional(),
  routed: z.number().optional(),
  dispatched: z.number().optional(),
  first_token: z.number().optional(),
  completed: z.number().optional(),
  /** What the request waited for before its calls, in ms by reason: limit, breaker, concurrency, batch. */
  waited_ms: z.record(z.string(), z.number()).optional(),
});

export const errorField = z.object({
  /** Stable, listed in docs/errors.md. */
  code: z.string(),
  /** OpenAI's kind of error: `invalid_request_error`, `rate_limit_error`, `api_error`… */
  type: z.string(),
  message: z.string(),
  /** The field that is wrong, as a path: `body.messages[0].role`. */
  param: z.string().optional(),
  retry_after_ms: z.number().optional(),
});
export type ResultError = z.infer<typeof errorField>;

/** How a route came about: bounded, for people and for `explain`. */
export const decisionField = z.object({
  /** What decided: the first of these that said anything. */
  by: z.enum(["asked", "plan", "rule", "complexity", "default", "budget", "escalation", "judge", "cache", "shadow"]),
  /** The rule's name, or what of the answer was not good enough. */
  detail: z.string().optional(),
  /** What was looked at, as numbers. */
  features: z.record(z.string(), z.number()).optional(),
  /** Tiers that stood to choose, the weakest first, with what was thought of each. */
  candidates: z.array(z.object({ tier: z.string(), score: z.number().optional() })).optional(),
  score: z.number().optional(),
  threshold: z.number().optional(),
  rollout: z.object({ name: z.string(), side: z.enum(["new", "old"]), percent: z.number() }).optional(),
  /** The cache's nearest entries, and why the first of them was not taken. */
  cache: z
    .object({
      candidates: z.array(
        z.object({
          entry: z.string(),
          similarity: z.number(),
          probability: z.number().optional(),
          rejected_by: z.string().optional(),
        }),
      ),
      threshold: z.number().optional(),
    })
    .optional(),
});
export type Decision = z.infer<typeof decisionField>;

export const routeField = z.object({
  tier: z.string(),
  model: z.string(),
  endpoint: z.string().optional(),
  reason: z.string(),
  cache: z.enum(["exact", "semantic", "coalesced", "miss", "bypass"]),
  cache_entry: z.string().optional(),
  similarity: z.number().optional(),
  attempts: z.number(),
  escalated_from: z.string().optional(),
  /** The prompt of the tier that was put before the messages. */
  prompt_version: z.string().optional(),
  decision: decisionField.optional(),
});
export type Route = z.infer<typeof routeField>;

export const usageField = z.object({
  prompt_tokens: z.number(),
  cached_prompt_tokens: z.number(),
  completion_tokens: z.number(),
  cost_usd: z.number(),
  price_version: z.string(),
  /** True when the provider gave no usage and the counts are ours. */
  estimated: z.boolean(),
  /** True when it went through the provider's Batch API, at its prices. */
  batched: z.boolean().optional(),
});
export type Usage = z.infer<typeof usageField>;

export const statusField = z.enum(["succeeded", "rejected", "failed", "cancelled", "expired"]);
export type ResultStatus = z.infer<typeof statusField>;
