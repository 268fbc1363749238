/** What webhooks tell of. Pure. */

export const EVENT_TYPES = [
  "request.completed",
  "request.failed",
  "request.cancelled",
  "request.expired",
  "batch.completed",
  "batch.failed",
  "batch.expired",
  "batch.cancelled",
  "map_reduce.completed",
  "map_reduce.failed",
  "map_reduce.expired",
  "map_reduce.cancelled",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Something of a tenant's came to its end. Of one subject each type is told once. */
export type WebhookEvent = {
  readonly tenant: string;
  readonly type: EventType;
  /** The id of the request, batch or map-reduce. */
  readonly subject: string;
  readonly at_ms: number;
  /** The request's own `callback.url`: told beside the tenant's endpoints. */
  readonly callback_url?: string;
  /** Told once more, on behalf of this replay: an event of its own, of which its endpoints hear once. */
  readonly replay?: string;
};

export interface WebhookOutbox {
  /** Writes down every delivery that the events lead to; those that are there already stay as they are. Cheap where nobody listens. */
  add(events: readonly WebhookEvent[]): Promise<void>;
}
