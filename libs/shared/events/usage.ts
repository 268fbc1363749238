/**
 * `llm.usage`: the ledger. Every reservation, settlement, release and adjustment of every tenant, keyed by tenant; counters in
 * Redis are a view of it (I8).
 *
 * What an entry does to each of its counters:
 * - `reserved`: reserved + `reserved_nusd`. A hold may be written several times (a redelivery); the first one counts.
 *   A request has one hold at a time: of two (the counters were lost before the first was told) the later `at_ms` counts, and none
 *   that was reserved before the request ended.
 * - `settled`: where the hold is open, reserved − `reserved_nusd` and the hold is closed; settled + `settled_nusd` in any case.
 * - `released`: where the hold is open, reserved − `reserved_nusd` and the hold is closed.
 * - `adjusted`: settled + `settled_nusd`, which may be negative.
 */
import { z } from "zod";
import { counterRefSchema } from "../budgets/scopes.ts";
import { idField } from "./fields.ts";

const whole = z.int();

/** Carried with a request from ingest to results: what is held for it, and where. */
export const reservationField = z.object({
  /** Names the hold in the ledger. */
  hold_id: z.string(),
  /** Nano-dollars held: an upper bound of what the request may cost. */
  reserved_nusd: whole.nonnegative(),
  /** Tokens charged to the rate limits. */
  tokens: whole.nonnegative(),
  counters: z.array(counterRefSchema),
  /** Server time of the reservation, epoch ms. */
  at_ms: z.number(),
});
export type Reservation = z.infer<typeof reservationField>;

/** The `hold_id` of an entry for which nothing was held. */
export const NO_HOLD = "none";

export const usageEntrySchema = z.object({
  kind: z.enum(["reserved", "settled", "released", "adjusted"]),
  tenant: z.string(),
  /** The request's; of an adjustment, the adjustment's own. */
  id: idField,
  hold_id: z.string(),
  at_ms: z.number(),
  reserved_nusd: whole.nonnegative(),
  /** Of `adjusted`, perhaps negative. */
  settled_nusd: whole,
  counters: z.array(counterRefSchema),
  /** Why: `admitted`; `result`, `unknown_call`; `no_call`, `expired`; `reconcile`, `operator`. */
  cause: z.enum(["admitted", "result", "unknown_call", "no_call", "expired", "reconcile", "operator"]),
  /** Of `reserved`: the life of the counters that it was made in. One of an earlier life is counted again when they are restored. */
  epoch: z.string().optional(),
  /** Of `reserved`: the request's, so that repeats are recognised after a rebuild. */
  content_hash: z.string().optional(),
  /** Of `reserved`: `<topic> <partition> <offset>` on `llm.requests`. */
  place: z.string().optional(),
  /** Of `reserved`: epoch ms after which nobody is waited for. */
  expires_ms: z.number().optional(),
  /** Charged to rate limits, and what was used in the end. */
  tokens: z.object({ reserved: whole, used: whole.optional() }).optional(),
  /** Of `settled`, where it is known: what the cost was made from, so that it can be priced anew. */
  billed: z
    .object({
      prompt_tokens: whole.nonnegative(),
      cached_prompt_tokens: whole.nonnegative(),
      completion_tokens: whole.nonnegative(),
      /** Through the provider's Batch API. */
      batched: z.boolean().optional(),
    })
    .optional(),
  user: z.string().optional(),
  key_id: z.string().optional(),
  model: z.string().optional(),
  tier: z.string().optional(),
  price_version: z.string().optional(),
  /** Of `adjusted`: what a person may read. */
  note: z.string().optional(),
});
export type UsageEntry = z.infer<typeof usageEntrySchema>;
