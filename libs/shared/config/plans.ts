/** Settings of who may spend what: plans, tenants, and how ingest admits. */
import { z } from "zod";

const count = z.int().positive();
/** US dollars, to the nano-dollar; at most nine million, so that sums in nano-dollars stay exact in a double. */
const usd = z.number().nonnegative().max(9_000_000);
const ratio = z.number().positive().max(1);

/** Of one subject: a tenant, one of its users, one of its API keys, or all tenants together. Left out: no limit. */
const rateLimits = z.strictObject({
  requests_per_minute: count.optional(),
  /** Charged with the estimate when a request is admitted, corrected when it ends. */
  tokens_per_minute: count.optional(),
  /** Requests admitted in a UTC day. */
  requests_per_day: count.optional(),
});

const limits = z.strictObject({
  tenant: rateLimits.prefault({}),
  user: rateLimits.prefault({}),
  key: rateLimits.prefault({}),
  /** `sliding_window`: no 60 s hold more than the limit. `token_bucket`: the rate is the limit, and a burst may come on top. */
  algorithm: z.enum(["sliding_window", "token_bucket"]).default("sliding_window"),
  /** Of `token_bucket`: the burst, in seconds' worth of the limit. */
  burst_s: count.default(10),
  /** Of the tenant: admitted and not yet ended. */
  in_flight_max: count.optional(),
});

/** Caps on reserved plus settled (I4). Left out: no cap. Days and months are UTC's. */
const budgets = z.strictObject({
  request_usd: usd.optional(),
  session_usd: usd.optional(),
  user_day_usd: usd.optional(),
  tenant_day_usd: usd.optional(),
  tenant_month_usd: usd.optional(),
});

/** What has settled within the window at most; beyond it the tenant is stopped until an administrator resumes it. */
const velocity = z.strictObject({ window_s: z.int().min(60).max(3_600).default(300), usd });

export const FEATURES = ["chat", "embeddings", "tools", "images", "stream", "structured_output"] as const;
export type Feature = (typeof FEATURES)[number];

export const planSchema = z.strictObject({
  /** The tenant's turns beside those of others, while both have work waiting. */
  weight: count.default(1),
  limits: limits.prefault({}),
  budgets: budgets.prefault({}),
  velocity: velocity.optional(),
  /** Tiers that may be asked for; left out: all. */
  tiers: z.array(z.string()).min(1).optional(),
  /** What requests may use; left out: everything. */
  features: z.array(z.enum(FEATURES)).min(1).optional(),
  /** The most that one answer may be, whatever the request asks for. */
  max_output_tokens: count.optional(),
});
export type PlanSettings = z.infer<typeof planSchema>;

/** What a tenant has otherwise than its plan. Fields replace the plan's one by one; `null` takes a limit or cap away. */
const nullable = <Shape extends z.ZodRawShape>(shape: z.ZodObject<Shape>) =>
  z.strictObject(
    Object.fromEntries(Object.entries(shape.shape).map(([name, field]) => [name, (field as z.ZodType).nullish()])),
  );
export const overridesSchema = z.strictObject({
  weight: count.optional(),
  limits: z
    .strictObject({
      tenant: nullable(rateLimits).optional(),
      user: nullable(rateLimits).optional(),
      key: nullable(rateLimits).optional(),
      in_flight_max: count.nullish(),
    })
    .optional(),
  budgets: nullable(budgets).optional(),
  velocity: velocity.nullish(),
  tiers: z.array(z.string()).min(1).nullish(),
  features: z.array(z.enum(FEATURES)).min(1).nullish(),
  max_output_tokens: count.nullish(),
});
export type Overrides = z.infer<typeof overridesSchema>;

export const tenantSettingsSchema = z.strictObject({
  plan: z.string().default("default"),
  overrides: overridesSchema.optional(),
});

/** How ingest admits. */
export const admissionSchema = z.strictObject({
  /** All tenants together. */
  global: rateLimits.prefault({}),
  /** A model without a price, for a tenant that has budgets: refused, or admitted as if it cost nothing. */
  unknown_price: z.enum(["refuse", "allow"]).default("refuse"),
  /** While Redis is away or lost its counters: paid work waits, or is admitted unbudgeted and counted. */
  without_redis: z.enum(["wait", "admit"]).default("wait"),
  /** Lost counters are restored from `llm.usage` by ingest itself, or only by `sluice rebuild budgets`. */
  rebuild: z.enum(["auto", "manual"]).default("auto"),
  idempotency_ttl_hours: count.default(24),
  /** A session's counter is kept so long after its last request. */
  session_ttl_hours: count.default(24 * 7),
  /** What was reserved so long ago, or long past its deadline, belongs to dead work: it is settled or released. */
  reservation_ttl_hours: count.default(26),
  /** From reserving to having told `llm.usage`; later, the reservation is made again. A rebuild waits as long. */
  lease_ms: z.int().min(1_000).default(10_000),
  /** Parts of a cap whose crossing is told once: log, metric and webhook. */
  alert_at: z.array(ratio).max(5).default([0.5, 0.8, 0.95]),
  /** The environment variable with the URL that alerts are posted to; unset: log and metric only. */
  alert_webhook_env: z.string().min(1).default("SLUICE_ALERT_WEBHOOK"),
  /**
   * The header in which a trusted proxy or interceptor of the brokers writes Kafka's authenticated principal, and the tenants that
   * each principal may name. Left out: a producer's word is taken.
   */
  principals: z
    .strictObject({
      header: z.string().min(1),
      bind: z.record(z.string(), z.array(z.string()).min(1)),
    })
    .optional(),
  deferred: z
    .strictObject({
      /** Records of `llm.deferred` that wait in one process; beyond, those that wait longest go to the end of the topic again. */
      waiting_max: count.default(5_000),
      /** The shortest and the longest time until a deferred request is looked at again. */
      wait_ms_min: count.default(1_000),
      wait_ms_max: count.default(3_600_000),
    })
    .prefault({}),
});
export type AdmissionSettings = z.infer<typeof admissionSchema>;
