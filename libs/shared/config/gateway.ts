/** Settings of the HTTP door, of files, and of the webhooks and jobs that it takes. */
import { z } from "zod";

const count = z.int().positive();
const days = count.max(3_650);
/** The longest wait of a Node timer. */
const TIMER_MS_MAX = 2_147_483_647;

export const gatewaySchema = z.strictObject({
  body_bytes_max: count.default(8 * 1024 * 1024),
  /** How long a caller may take to send its request, but for an upload of a file. */
  request_ms_max: count.max(TIMER_MS_MAX).default(60_000),
  /** How long it may take to send a file. */
  upload_ms_max: count.max(TIMER_MS_MAX).default(600_000),
  /** How long an HTTP caller waits for its result before it is told to ask later. */
  wait_ms_max: count.max(TIMER_MS_MAX).default(300_000),
  waiting_max: count.default(10_000),
  /** A caller of an OpenAI endpoint whose idempotency key belongs to a request under way: waits for its result, or is told 409. */
  idempotent_in_flight: z.enum(["wait", "conflict"]).default("wait"),
  /**
   * What becomes of a request whose caller goes away while it waits: `cancel` it, or `finish` it, so that its result is there for whoever
   * asks again. A caller may say otherwise with the header x-sluice-on-disconnect.
   */
  on_disconnect: z
    .strictObject({
      stream: z.enum(["cancel", "finish"]).default("cancel"),
      wait: z.enum(["cancel", "finish"]).default("finish"),
    })
    .prefault({}),
  /** Streams of events and tokens. */
  streams: z
    .strictObject({
      /** Open at once in one process; beyond, 503. */
      open_max: count.default(10_000),
      /** A comment is sent after so much silence, so that nobody on the way takes the connection for dead. */
      heartbeat_ms: count.max(TIMER_MS_MAX).default(15_000),
      /** A reader that takes nothing for so long is cut off; it may come back with Last-Event-ID. */
      stalled_ms_max: count.max(TIMER_MS_MAX).default(30_000),
      /** Written to a reader and not yet taken; beyond, nothing more is read for it. */
      unsent_bytes_max: count.default(64 * 1024),
      /** Looked at without a word that there is something new, since words can be lost. */
      look_ms: count.max(TIMER_MS_MAX).default(5_000),
    })
    .prefault({}),
});
export type GatewaySettings = z.infer<typeof gatewaySchema>;

/** Files are kept where SLUICE_FILES_URL says: `file:///a/folder` or `s3://bucket/prefix`. */
export const filesSchema = z.strictObject({
  bytes_max: count.default(200 * 1024 * 1024),
  /** All files of a tenant together. */
  tenant_bytes_max: count.default(10 * 1024 * 1024 * 1024),
  /** A file is removed so long after it was made, unless its upload says otherwise. */
  keep_days: days.default(30),
  /** Uploads at once in one process; beyond, 503. Each holds up to 16 MiB of memory where files are in a bucket. */
  uploads_max: count.default(16),
});
export type FilesSettings = z.infer<typeof filesSchema>;

const minutes = (count: number): number => count * 60;
const hours = (count: number): number => count * 3_600;
/** Standard Webhooks' schedule: seconds from each attempt to the next. */
const SCHEDULE_S = [5, minutes(5), minutes(30), hours(2), hours(5), hours(10), hours(14), hours(20), hours(24)];

export const webhooksSchema = z.strictObject({
  /** Seconds from each attempt to the next, the first one at once; after the last the delivery has failed. */
  retry_after_s: z.array(count).max(20).default(SCHEDULE_S),
  timeout_ms: count.max(60_000).default(15_000),
  /** Deliveries under way in one process, and to one host. */
  in_flight_max: count.default(50),
  host_in_flight_max: count.default(8),
  endpoints_max: count.default(20),
  /** Plain http too; https alone unless set. */
  allow_http: z.boolean().default(false),
  /** Networks beside the public ones that may be called, such as 10.20.0.0/16; none unless set. */
  allow_networks: z.array(z.union([z.cidrv4(), z.cidrv6()])).default([]),
  /** After a rotation the secret before is good for so long. */
  old_secret_hours: count.default(24),
  /** Deliveries that have ended are kept for so long. */
  keep_days: days.default(30),
  /** A Result of more bytes is not in the event, whose receiver asks for it. */
  result_bytes_max: count.default(256 * 1024),
});
export type WebhooksSettings = z.infer<typeof webhooksSchema>;

/** Batches and map-reduce. */
export const jobsSchema = z.strictObject({
  /** Jobs that one process drives at once. */
  running_max: count.default(8),
  /** Whoever drives a job and says nothing for so long is taken for dead: another goes on. */
  lease_ms: z.int().min(2_000).default(10_000),
  /** How often a job that waits for results is looked at. */
  poll_ms: count.default(1_000),
  /** Requests of one job on the topics that have no result yet. */
  in_flight_max: count.default(2_000),
  /** Requests written to the topic at once. */
  chunk: count.default(250),
  keep_days: days.default(30),
  batch: z
    .strictObject({ lines_max: count.default(50_000), line_bytes_max: count.default(4 * 1024 * 1024) })
    .prefault({}),
  map_reduce: z
    .strictObject({
      documents_max: count.default(20_000),
      shards_max: count.default(50_000),
      /** The most and the usual number of answers that one reduce reads. */
      fan_in_max: z.int().min(2).default(100),
      fan_in: z.int().min(2).default(10),
      /** The most and the usual size of a shard, in tokens as counted by bytes (4 to a token). */
      shard_tokens_max: count.default(100_000),
      shard_tokens: count.default(2_000),
      /** What an answer may hold unless the job says otherwise. */
      output_tokens: count.default(1_000),
      /** Each shard is asked again so often, as a new request, before it counts as failed. */
      tries_max: count.default(2),
    })
    .prefault({}),
});
export type JobsSettings = z.infer<typeof jobsSchema>;
