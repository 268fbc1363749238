/** Settings of the results service: what is kept of results, and where else they go. */
import { z } from "zod";
import { statusField } from "../events/fields.ts";

const count = z.int().positive();

/** Which results a sink takes; all that is given must hold. Left out: all. */
const only = z.strictObject({
  tenants: z.array(z.string()).min(1).optional(),
  status: z.array(statusField).min(1).optional(),
  /** Pairs that the request's metadata must have. */
  metadata: z.record(z.string(), z.string()).optional(),
});

export const sinkSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("kafka"),
    only: only.prefault({}),
    /** `{tenant}` stands for the tenant, `{label}` for the value of `label` in the request's metadata. Topics are made where they are missing. */
    topic: z
      .string()
      .max(80)
      .regex(/^([A-Za-z0-9._-]|\{tenant\}|\{label\})+$/, "must be letters, digits, . _ - and {tenant} or {label}"),
    label: z.string().min(1).max(64).optional(),
    /** Of topics that are made. */
    partitions: count.max(1_000).default(4),
    /** Topics in all; what would need a further one goes where `_other` stands for tenant and label. */
    topics_max: count.max(10_000).default(500),
  }),
  z.strictObject({
    type: z.literal("jsonl"),
    only: only.prefault({}),
    /** The variable with the place: `file:///a/folder` or `s3://bucket/prefix`. */
    url_env: z.string().min(1),
    /** A file is closed when it has so many records, or its first one is so old. */
    records_max: count.max(100_000).default(10_000),
    wait_ms: count.max(600_000).default(10_000),
  }),
]);
export type SinkSettings = z.infer<typeof sinkSchema>;

export const resultsSchema = z.strictObject({
  job_view_ttl_hours: count.default(24),
  transaction_timeout_ms: count.default(30_000),
  /** Partitions worked on at once, each with a database connection. */
  partitions_in_flight_max: count.default(8),
  /** Rows are kept for so many days; then an id may be used again. Longer than requests stay on their topics. Each day is a partition. */
  keep_days: count.max(1_100).default(30),
  /** Where results go beside their topic and Postgres, by name; each is a consumer group of its own. */
  sinks: z.record(z.string().regex(/^[a-z0-9][a-z0-9_-]{0,40}$/), sinkSchema).default({}),
});
