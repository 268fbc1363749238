/** What goes in and out of the routes about batches: schemas, and objects from rows. Pure. */
import { z } from "zod";
import { metadataField, statusField } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { BATCH_ENDPOINTS, type BatchSpec, windowMs } from "../../libs/shared/jobs/batch.ts";
import { askedId, CLOSED_SUFFIX, type ItemResult, JOB_STATUSES } from "../../libs/shared/jobs/job.ts";
import { pageQuery } from "./lists.ts";

const windowField = z
  .string()
  .refine(
    (window) => windowMs(window) !== undefined,
    'must be "24h", or another number of hours (h) or minutes (m) up to a week',
  );

const HOUR_S = 3_600;
const MONTH_S = 2_592_000;

export const newBatchBody = z.strictObject({
  input_file_id: z.string().min(1).max(200),
  endpoint: z.enum(BATCH_ENDPOINTS),
  completion_window: windowField,
  metadata: metadataField.nullish(),
  output_expires_after: z
    .strictObject({ anchor: z.literal("created_at"), seconds: z.int().min(HOUR_S).max(MONTH_S) })
    .nullish(),
});

/** What a retry has of its own; the rest is as in the batch before. */
export const retryBody = z.strictObject({
  completion_window: windowField.optional(),
  metadata: metadataField.nullish(),
});

export function specOf({ metadata, output_expires_after, ...body }: z.infer<typeof newBatchBody>): BatchSpec {
  return {
    ...body,
    ...(metadata == null ? {} : { metadata }),
    ...(output_expires_after == null ? {} : { output_expires_after_s: output_expires_after.seconds }),
  };
}

const REQUEST_STATUSES = ["pending", ...statusField.options, "closed"] as const;

export const requestsQuery = pageQuery.extend({
  /** `pending` has no result yet; `closed` had none when the batch ended. */
  status: z.enum(REQUEST_STATUSES).optional(),
});

const at = z.int().nullable();

/** OpenAI's, as far as it is ours. */
export const batchSchema = z.looseObject({
  id: z.string(),
  object: z.literal("batch"),
  endpoint: z.enum(BATCH_ENDPOINTS),
  input_file_id: z.string(),
  completion_window: z.string(),
  status: z.enum(JOB_STATUSES),
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  /** Epoch seconds, as are all times. */
  created_at: z.int(),
  expires_at: at,
  completed_at: at,
  request_counts: z.object({ total: z.int(), completed: z.int(), failed: z.int() }),
  metadata: z.record(z.string(), z.string()).nullable(),
});

export const batchRequestSchema = z.object({
  id: z.string(),
  object: z.literal("batch.request"),
  line: z.int(),
  custom_id: z.string().nullable(),
  status: z.enum(REQUEST_STATUSES),
  tier: z.string().nullable(),
  cache: z.string().nullable(),
  cost_usd: z.number().nullable(),
  error_code: z.string().nullable(),
});

export function batchRequestOf(item: ItemResult): z.infer<typeof batchRequestSchema> {
  const result = item.result === undefined ? undefined : (JSON.parse(item.result) as Result);
  const none = item.request_id.endsWith(CLOSED_SUFFIX) ? "closed" : "pending";
  return {
    id: askedId(item),
    object: "batch.request",
    line: item.item + 1,
    custom_id: item.custom_id ?? null,
    status: (item.status as (typeof REQUEST_STATUSES)[number] | undefined) ?? none,
    tier: result?.route?.tier ?? null,
    cache: result?.route?.cache ?? null,
    cost_usd: result?.usage?.cost_usd ?? null,
    error_code: result?.error?.code ?? null,
  };
}
