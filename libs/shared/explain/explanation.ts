/**
 * A request's whole way, as `sluice explain` and `GET /v1/requests/:id/explain` give it. Times are epoch ms, money US dollars. Nothing of
 * the question or of the answer is in it. What is not known is left out, and `notes` say why.
 */
import { z } from "zod";
import { attemptField } from "../events/attempts.ts";
import { decisionField, errorField } from "../events/fields.ts";

const ms = z.number();
const usd = z.number();

export const placeSchema = z.object({ topic: z.string(), partition: z.number(), offset: z.number() });
export type PlaceView = z.infer<typeof placeSchema>;

export const stepSchema = placeSchema.partial().extend({
  /** When a service took the record up, a call was sent, or something was told. */
  at_ms: ms,
  service: z.enum(["gateway", "ingest", "router", "inference", "results", "webhooks", "operator"]),
  /** What happened, in words. */
  what: z.string(),
  /** Until then: on its topic, or of a call for its turn. */
  waited_ms: ms.optional(),
  /** From then until what it caused was written, or the call had ended. */
  worked_ms: ms.optional(),
  details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});
export type Step = z.infer<typeof stepSchema>;

/** A part of the time from arrival to end. */
export const spanSchema = z.object({
  of: z.enum(["topics", "deferred", "retry", "ingest", "router", "inference", "turn", "model", "results", "other"]),
  ms,
});
export type Span = z.infer<typeof spanSchema>;

export const scopeSchema = z.object({
  scope: z.string(),
  /** The session or the user; empty for the tenant itself. */
  subject: z.string(),
  /** The day or month; empty for a session. */
  window: z.string(),
  /** As they are now; null: no cap. */
  cap_usd: usd.nullable().optional(),
  reserved_usd: usd.optional(),
  settled_usd: usd.optional(),
});
export type ScopeNow = z.infer<typeof scopeSchema>;

export const ledgerSchema = placeSchema.extend({
  at_ms: ms,
  kind: z.string(),
  cause: z.string(),
  reserved_usd: usd,
  settled_usd: usd,
});
export type LedgerView = z.infer<typeof ledgerSchema>;

export const deliverySchema = z.object({
  id: z.string(),
  webhook: z.string(),
  url: z.string(),
  type: z.string(),
  status: z.string(),
  next_ms: ms.optional(),
  attempts: z.array(
    z.object({
      attempt: z.number(),
      at_ms: ms,
      duration_ms: ms,
      status: z.number().nullable(),
      error: z.string().nullable(),
    }),
  ),
});
export type DeliveryView = z.infer<typeof deliverySchema>;

export const letterSchema = placeSchema.extend({
  at_ms: ms,
  code: z.string(),
  service: z.string(),
  message: z.string(),
  /** What somebody did with it: `redriven` or `dropped`. */
  action: z.string().optional(),
  target: z.string().optional(),
});
export type LetterView = z.infer<typeof letterSchema>;

export const explanationSchema = z.object({
  object: z.literal("explanation"),
  id: z.string(),
  tenant: z.string(),
  /** As of a request: `queued`, `deferred`, `running`, or how it ended. */
  status: z.string(),
  kind: z.string().optional(),
  user: z.string().optional(),
  key_id: z.string().optional(),
  received_ms: ms.optional(),
  completed_ms: ms.optional(),
  total_ms: ms.optional(),
  error: errorField.optional(),
  /** Of one that has not ended: where it stands. */
  now: z
    .object({
      what: z.string(),
      topic: z.string().optional(),
      since_ms: ms.optional(),
      until_ms: ms.optional(),
    })
    .optional(),
  steps: z.array(stepSchema),
  /** Hops in the middle that nobody kept. */
  steps_left_out: z.number(),
  time: z.array(spanSchema),
  decision: decisionField
    .omit({ cache: true })
    .partial()
    .extend({
      tier: z.string(),
      model: z.string(),
      endpoint: z.string().optional(),
      reason: z.string(),
      escalated_from: z.string().optional(),
      prompt_version: z.string().optional(),
    })
    .optional(),
  cache: z
    .object({
      outcome: z.string(),
      entry: z.string().optional(),
      similarity: z.number().optional(),
      threshold: z.number().optional(),
      candidates: decisionField.shape.cache.unwrap().shape.candidates,
      /** The entry that its own answer became. */
      filled: z.string().optional(),
    })
    .optional(),
  attempts: z.array(attemptField),
  /** Calls, with those that are not among `attempts`. */
  attempts_total: z.number(),
  money: z.object({
    cost_usd: usd.optional(),
    price_version: z.string().optional(),
    /** The counts are ours. */
    estimated: z.boolean().optional(),
    tokens: z
      .object({
        prompt: z.number(),
        cached_prompt: z.number(),
        completion: z.number(),
        reserved: z.number().optional(),
      })
      .optional(),
    reserved_usd: usd.optional(),
    settled_usd: usd.optional(),
    /** Calls that may be billed though nobody knows their answers. */
    unknown_calls: z.number().optional(),
    scopes: z.array(scopeSchema),
    ledger: z.array(ledgerSchema),
  }),
  deliveries: z.array(deliverySchema),
  dead_letters: z.array(letterSchema),
  links: z.object({
    request: placeSchema.optional(),
    outcome: placeSchema.optional(),
    result: placeSchema.optional(),
    /** The batch or map-reduce that it belongs to. */
    job: z.string().optional(),
    /** The replay that gave it a later Result. */
    corrected_by: z.string().optional(),
    /** It is a replay's, or a run of another request. */
    replay: z.object({ id: z.string(), mode: z.string(), of: z.string().optional() }).optional(),
    original: z.string().optional(),
    /** Later requests made from it: redrives and appeals. */
    runs: z.array(z.object({ id: z.string(), status: z.string() })),
    traceparent: z.string().optional(),
  }),
  /** What could not be told, and why. */
  notes: z.array(z.string()),
});
export type Explanation = z.infer<typeof explanationSchema>;
