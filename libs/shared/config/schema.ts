/** The settings file's shape: every limit has a name here and a default that suits most. Secrets and addresses are not in it. */
import { z } from "zod";
import { cacheSchema } from "./cache.ts";
import { filesSchema, gatewaySchema, jobsSchema, webhooksSchema } from "./gateway.ts";
import { endpointSchema, inferenceSchema, priceSchema, tierSchema } from "./inference.ts";
import { resultsSchema } from "./outputs.ts";
import { admissionSchema, planSchema, tenantSettingsSchema } from "./plans.ts";
import { dlqSchema, replaySchema } from "./replay.ts";
import { routingSchema } from "./routing.ts";
import { observationSchema, scalingSchema } from "./scaling.ts";

const name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,40}$/, "must be lower-case letters, digits, - or _");
const count = z.int().positive();
const duration_ms = z.int().nonnegative();
const retry_delay = z.string().regex(/^[1-9][0-9]*[smh]$/, "must be a number and a unit, such as 5s, 1m or 2h");

const topicOverride = z.strictObject({
  partitions: count.optional(),
  retention_hours: z.int().min(-1).optional(),
});

const topics = z.strictObject({
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/)
    .default("llm."),
  partitions: count.default(4),
  /** `auto`: what the brokers have as their default (`default.replication.factor`). */
  replication_factor: z.union([z.literal("auto"), count]).default("auto"),
  /** Replicas that must have a record before it counts as written; `auto` leaves it to the brokers. */
  min_insync_replicas: z.union([z.literal("auto"), count]).default("auto"),
  /** The largest record a request may be; what is larger is a dead letter. */
  record_bytes_max: count.default(8 * 1024 * 1024),
  retention_hours: z.int().min(-1).default(168),
  /** Each is a topic of its own. */
  retry_delays: z
    .array(retry_delay)
    .min(1)
    .refine((delays) => new Set(delays).size === delays.length, "must not name a delay twice")
    .default(["5s", "1m", "10m"]),
  /** By topic name without the prefix, e.g. `jobs.small`. */
  overrides: z.record(z.string(), topicOverride).default({}),
});

const consumption = z.strictObject({
  /** Before every consumer group's name; pipelines that share a cluster differ in it and in topics.prefix. */
  group_prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]*$/)
    .default("sluice."),
  /** Records of a lane held in memory before its topics are paused: a tenant is heard behind as many of another. */
  queued_records_max: count.default(25_000),
  /** Memory for queued records, of which a small one takes about 1 KB beside its own bytes. All lanes of a process share it. */
  queued_bytes_max: count.default(40 * 1024 * 1024),
  /** Bytes worked on at once before nothing more is started. */
  in_flight_bytes_max: count.default(32 * 1024 * 1024),
  /** A person's request waits for the batch in front of it at every stage: large ones save a little CPU and cost time. */
  batch_records_max: count.default(100),
  batch_bytes_max: count.default(8 * 1024 * 1024),
  commit_interval_ms: count.default(500),
  session_timeout_ms: z.int().min(6_000).default(10_000),
  fetch_wait_ms: count.default(250),
  /** Under load a consumer waits so long at most before it fetches again, and gathers meanwhile: less CPU for some latency. */
  fetch_pause_ms_max: z.int().min(0).max(1_000).default(50),
  /** As they are on the wire: compressed records may unfold to ten times as much in memory, and beyond `queued_bytes_max`. */
  fetch_partition_bytes_max: count.default(128 * 1024),
  drain_deadline_ms: duration_ms.default(25_000),
  /** Turns of each lane while both have work. */
  lane_weights: z.strictObject({ interactive: count, batch: count }).default({ interactive: 8, batch: 1 }),
  retry: z.strictObject({ base_ms: count, cap_ms: count }).default({ base_ms: 100, cap_ms: 5_000 }),
  /**
   * A consumer that has neither fetched nor heard of its group for so long is started again. More than two session time-outs, for
   * which a group may wait for its members.
   */
  watchdog_ms: z.int().min(5_000).default(60_000),
});

const producer = z.strictObject({
  request_records_max: count.default(1_000),
  request_bytes_max: count.default(8 * 1024 * 1024),
});

export const settingsSchema = z.strictObject({
  topics: topics.prefault({}),
  schema_registry: z
    .strictObject({
      compatibility: z
        .enum(["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"])
        .default("FORWARD"),
    })
    .prefault({}),
  endpoints: z.record(name, endpointSchema).prefault({ default: {} }),
  tiers: z.record(name, tierSchema),
  prices: z.strictObject({ version: z.string().min(1), models: z.record(z.string(), priceSchema) }),
  routing: routingSchema,
  cache: cacheSchema.prefault({}),
  tenants: z.record(z.string(), tenantSettingsSchema).default({}),
  plans: z.record(name, planSchema).prefault({ default: {} }),
  admission: admissionSchema.prefault({}),
  ingest: z
    .strictObject({
      /** How long a repeated id is recognised before its content is compared in Postgres only. */
      seen_ttl_hours: count.default(24),
    })
    .prefault({}),
  inference: inferenceSchema.prefault({}),
  results: resultsSchema.prefault({}),
  gateway: gatewaySchema.prefault({}),
  files: filesSchema.prefault({}),
  webhooks: webhooksSchema.prefault({}),
  jobs: jobsSchema.prefault({}),
  replay: replaySchema.prefault({}),
  dlq: dlqSchema.prefault({}),
  observation: observationSchema.prefault({}),
  scaling: scalingSchema.prefault({}),
  redis: z
    .strictObject({
      /** Before every key; pipelines that share a Redis differ in it. */
      key_prefix: z
        .string()
        .regex(/^[A-Za-z0-9._:-]*$/)
        .default("sluice:"),
    })
    .prefault({}),
  consumption: consumption.prefault({}),
  producer: producer.prefault({}),
});

export type Settings = z.infer<typeof settingsSchema>;
export type { TierSettings } from "./inference.ts";
