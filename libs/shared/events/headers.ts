/** Record headers: what travels with a request through every hop, and why a dead letter is one. Pure. */
import type { InRecord, RecordHeaders } from "../kafka/ports.ts";

/** The gateway instance that holds the caller. */
export const REPLY_TO_HEADER = "sluice-reply-to";

/**
 * Hints for the scheduler, set by ingest (and the gateway): whose work it is, and when it is late (epoch ms). On a retry topic and on
 * `llm.deferred` the tenant says more: ingest found that the sender may name it.
 */
export const TENANT_HEADER = "sluice-tenant";
export const DEADLINE_HEADER = "sluice-deadline-ms";

/** Where the request stands on `llm.requests`, set by ingest: `<topic> <partition> <offset> <timestamp_ms>`. */
export const ORIGIN_HEADER = "sluice-origin";

/** How many rounds through `llm.retry.<delay>` a request has behind it. */
export const ROUND_HEADER = "sluice-round";

/** How many calls of earlier rounds the provider may have worked on and billed, though nobody knows their answers (I4). */
export const UNKNOWN_CALLS_HEADER = "sluice-unknown-calls";

/** Epoch ms from which a record on `llm.retry.<delay>` or `llm.deferred` may be entered again. */
export const DUE_HEADER = "sluice-due-ms";

/** The id of the API key that the request came with, set by the gateway: limits may be a key's own. */
export const KEY_HEADER = "sluice-key-id";

/** What is left of the rate limits, for whoever waits at a gateway: set by ingest, as `rate-room.ts` writes it. */
export const RATE_ROOM_HEADER = "sluice-ratelimit";

/** What a request is run for beside its answer, as `shadow.ts` writes it: set by router and inference on requests of their own. */
export const SHADOW_HEADER = "sluice-shadow";

/** Somebody may follow the request: every service tells what it does with it (`redis/request-events.ts`). Set by the gateway. */
export const EVENTS_HEADER = "sluice-events";

/** Of a request that belongs to a batch or a map-reduce: the job's id. Set by whoever drives the job. */
export const JOB_HEADER = "sluice-job";

/** Of a record that a replay sends, as `replay.ts` writes it: the replay, its mode, and what is sent again. */
export const REPLAY_HEADER = "sluice-replay";

/** How often a dead letter of this request was sent on its way again: what comes back too often is left (`sluice dlq redrive`). */
export const REDRIVES_HEADER = "sluice-redrives";

/** Where the request has stood on its way, one place a hop (`trail.ts`). */
export const TRAIL_HEADER = "sluice-trail";

/** What the calls of its earlier rounds came to (`attempts.ts`): on requests that come back by a retry topic. */
export const ATTEMPTS_HEADER = "sluice-attempts";

const TRACE: readonly string[] = ["traceparent", "tracestate"];

/** Copied from hop to hop: W3C trace context, who waits, and what entry and scheduling need. */
const TRAVELLING: readonly string[] = [
  ...TRACE,
  REPLY_TO_HEADER,
  KEY_HEADER,
  RATE_ROOM_HEADER,
  TENANT_HEADER,
  DEADLINE_HEADER,
  ORIGIN_HEADER,
  ROUND_HEADER,
  UNKNOWN_CALLS_HEADER,
  SHADOW_HEADER,
  EVENTS_HEADER,
  JOB_HEADER,
  REPLAY_HEADER,
  REDRIVES_HEADER,
  TRAIL_HEADER,
  ATTEMPTS_HEADER,
];

export function travellingHeaders(headers: RecordHeaders): Record<string, string> {
  return keep(headers, TRAVELLING);
}

/** W3C trace context alone. */
export function traceHeaders(headers: RecordHeaders): Record<string, string> {
  return keep(headers, TRACE);
}

function keep(headers: RecordHeaders, names: readonly string[]): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** Headers of a dead letter, named as Spring Kafka names them so that existing tools read them. */
export function deadLetterHeaders(
  record: InRecord,
  why: { readonly service: string; readonly group: string; readonly code: string; readonly message: string },
): Record<string, string> {
  return {
    ...record.headers,
    "kafka_dlt-original-topic": record.topic,
    "kafka_dlt-original-partition": String(record.partition),
    "kafka_dlt-original-offset": String(record.offset),
    "kafka_dlt-original-timestamp": String(record.timestamp_ms),
    "kafka_dlt-original-consumer-group": why.group,
    "kafka_dlt-exception-message": why.message.slice(0, 2_000),
    "sluice-error-code": why.code,
    "sluice-service": why.service,
  };
}
