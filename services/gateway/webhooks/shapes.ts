/** What the routes about webhooks take and give. Pure. */
import { z } from "zod";
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import type { Endpoint } from "../../../libs/shared/webhooks/endpoints.ts";
import { EVENT_TYPES } from "../../../libs/shared/webhooks/event.ts";
import type { Called } from "../../../libs/shared/webhooks/guarded-client.ts";
import { shownUrl } from "../../../libs/shared/webhooks/url-rules.ts";
import type { DeliveryRow } from "./deliveries.ts";

const LIMIT_MAX = 100;
const LIMIT = 20;

const urlField = z.string().min(1).max(2_048);
const eventsField = z
  .array(z.enum([...EVENT_TYPES, "*"]))
  .min(1)
  .max(EVENT_TYPES.length + 1);
const descriptionField = z
  .string()
  .max(500)
  .refine((text) => !text.includes("\0"), "must hold no NUL");

export const newWebhook = z.strictObject({
  url: urlField,
  events: eventsField.default(["*"]),
  description: descriptionField.optional(),
});
export const webhookChange = z
  .strictObject({
    url: urlField.optional(),
    events: eventsField.optional(),
    description: descriptionField.nullable().optional(),
    enabled: z.boolean().optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "must hold at least one of url, events, description, enabled");

const limitField = z.coerce.number().int().min(1).max(LIMIT_MAX).default(LIMIT);
const afterField = z.string().regex(ID_PATTERN, "must be the last_id of a page before").optional();
const statusField = z.enum(["pending", "delivered", "failed", "dropped"]);
export const pageQuery = z.strictObject({ limit: limitField, after: afterField });
export const deliveriesQuery = pageQuery.extend({
  subject: z.string().regex(ID_PATTERN, "must be the id of a request, batch or map-reduce").optional(),
  status: statusField.optional(),
});

/** Times are epoch seconds. */
export const webhookObject = z.object({
  id: z.string(),
  object: z.literal("webhook"),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string().nullable(),
  enabled: z.boolean(),
  /** `gone`: it answered 410. `asked`: somebody wanted it. */
  disabled_reason: z.string().nullable(),
  created_at: z.number(),
  updated_at: z.number(),
  /** The secret before the last rotation is good until then. */
  old_secret_until: z.number().nullable(),
  /** Where it was made or rotated just now, and never again. */
  secret: z.string().optional(),
});
export const callbacksObject = z.object({
  object: z.literal("webhook.callbacks"),
  old_secret_until: z.number().nullable(),
  secret: z.string().optional(),
});
export const deletedObject = z.object({ id: z.string(), object: z.literal("webhook"), deleted: z.literal(true) });
export const testedObject = z.object({
  object: z.literal("webhook.test"),
  delivered: z.boolean(),
  status: z.number().nullable(),
  error: z.string().nullable(),
  duration_ms: z.number(),
});
export const deliveryObject = z.object({
  id: z.string(),
  object: z.literal("webhook.delivery"),
  /** The receiver's `webhook-id`. */
  event_id: z.string(),
  type: z.string(),
  subject: z.string(),
  /** Null: the callback of a request. */
  webhook_id: z.string().nullable(),
  /** Without its query. */
  url: z.string(),
  status: statusField,
  occurred_at: z.number(),
  next_attempt_at: z.number().nullable(),
  ended_at: z.number().nullable(),
  attempts_total: z.number(),
  /** The newest last; of many the last hundred. */
  attempts: z.array(
    z.object({
      attempt: z.number(),
      at: z.number(),
      duration_ms: z.number(),
      status: z.number().nullable(),
      error: z.string().nullable(),
    }),
  ),
});
const seconds = (ms: number): number => Math.floor(ms / 1_000);
const secondsOrNull = (ms: number | null): number | null => (ms === null ? null : seconds(ms));

export function webhookOf(endpoint: Endpoint, secret?: string): z.infer<typeof webhookObject> {
  const { id, url, events, description, status, disabled_why, created_ms, updated_ms, old_secret_until_ms } = endpoint;
  return {
    ...{ id, object: "webhook", url: url ?? "", events: [...events], description },
    ...{ enabled: status === "enabled", disabled_reason: disabled_why },
    ...{ created_at: seconds(created_ms), updated_at: seconds(updated_ms) },
    old_secret_until: secondsOrNull(old_secret_until_ms),
    ...(secret === undefined ? {} : { secret }),
  };
}

export function callbacksOf(signer: Endpoint, secret?: string): z.infer<typeof callbacksObject> {
  const old_secret_until = secondsOrNull(signer.old_secret_until_ms);
  return { object: "webhook.callbacks", old_secret_until, ...(secret === undefined ? {} : { secret }) };
}

export function testedOf(called: Called): z.infer<typeof testedObject> {
  const status = called.kind === "answered" ? called.status : null;
  const error = called.kind === "answered" ? null : called.why;
  const delivered = status !== null && status >= 200 && status < 300;
  return { object: "webhook.test", delivered, status, error, duration_ms: called.duration_ms };
}

export function deliveryOf(row: DeliveryRow, callback_signer: string): z.infer<typeof deliveryObject> {
  const { id, event_id, type, subject, webhook, url, status, attempts } = row;
  return {
    ...{ id, object: "webhook.delivery", event_id, type, subject },
    webhook_id: webhook === callback_signer ? null : webhook,
    ...{ url: shownUrl(url), status, occurred_at: seconds(row.occurred_ms) },
    next_attempt_at: status === "pending" ? seconds(row.next_ms) : null,
    ended_at: secondsOrNull(row.ended_ms),
    attempts_total: row.attempts_total,
    attempts: attempts.map(({ at_ms, ...attempt }) => ({ ...attempt, at: seconds(at_ms) })),
  };
}
