/** What a webhook says, in the shape of OpenAI's events. Pure. */
import { createHash } from "node:crypto";
import type { OutcomeHead, Result } from "../events/flow.ts";
import { isInternalTenant } from "../events/shadow.ts";
import type { EventType, WebhookEvent } from "./event.ts";

/** Sent when somebody tries their endpoint. */
export const TEST_TYPE = "webhook.test";

const ID_HEX_CHARS = 32;

/** An id that the same parts always give. */
export function stableId(prefix: string, ...parts: readonly string[]): string {
  return `${prefix}_${createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, ID_HEX_CHARS)}`;
}

/** The event's id, the receiver's `webhook-id`: one for each type of each subject, however often it is told, and one for each replay of it. */
export function eventId({
  tenant,
  type,
  subject,
  replay,
}: Pick<WebhookEvent, "tenant" | "type" | "subject" | "replay">): string {
  return stableId("evt", tenant, type, subject, ...(replay === undefined ? [] : [replay]));
}

const REQUEST_EVENTS = {
  succeeded: "request.completed",
  failed: "request.failed",
  rejected: "request.failed",
  cancelled: "request.cancelled",
  expired: "request.expired",
} as const satisfies Record<OutcomeHead["status"], EventType>;

/**
 * The event of a request that has its Result. None for the pipeline's own tenants, for comparisons, for replays (I7), and for the requests of a
 * job, which is told of as one.
 * @param more.job as the header `sluice-job` says; `replay` of the Result.
 */
export function webhookEventOf(
  head: Pick<OutcomeHead, "id" | "tenant" | "status" | "callback_url" | "shadow" | "timing">,
  now_ms: number,
  more: { readonly job?: string | undefined; readonly replay?: object | undefined } = {},
): WebhookEvent | undefined {
  const { tenant, id, status, callback_url, shadow, timing } = head;
  if (isInternalTenant(tenant) || shadow !== undefined) return undefined;
  if (more.job !== undefined || more.replay !== undefined) return undefined;
  return {
    tenant,
    type: REQUEST_EVENTS[status],
    subject: id,
    at_ms: Math.round(timing.completed ?? now_ms),
    ...(callback_url === undefined ? {} : { callback_url }),
  };
}

/** What the body is made of, besides the Result. */
export type Told = {
  readonly event_id: string;
  readonly type: string;
  readonly subject: string;
  readonly at_ms: number;
};

/**
 * The JSON of an event: `{id, object: "event", created_at, type, data}`.
 * @param result the Result as JSON text, of a request whose row is there; left out of the event where it has more than `result_bytes_max`.
 */
export function eventBody(told: Told, result: string | undefined, result_bytes_max: number): string {
  const { event_id, type, at_ms } = told;
  const head = { id: event_id, object: "event", created_at: Math.floor(at_ms / 1_000), type };
  return JSON.stringify({ ...head, data: dataOf(told, result, result_bytes_max) });
}

const JOBS: Readonly<Record<string, string>> = { batch: "/v1/batches", map_reduce: "/v1/map-reduce" };

function dataOf({ type, subject }: Told, result: string | undefined, result_bytes_max: number): object {
  const [object = "", ending = ""] = type.split(".");
  const jobs = JOBS[object];
  if (jobs !== undefined) return { id: subject, object, status: ending, url: `${jobs}/${subject}` };
  if (object !== "request") return { id: subject, object };
  const parsed = result === undefined ? undefined : (JSON.parse(result) as Result);
  const fits = result !== undefined && Buffer.byteLength(result) <= result_bytes_max;
  return {
    id: subject,
    object,
    status: parsed?.status ?? (ending === "completed" ? "succeeded" : ending),
    url: `/v1/requests/${subject}`,
    ...(fits ? { result: parsed } : {}),
  };
}
