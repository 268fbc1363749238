/** The events between the services. The request and the response are carried as bytes (`splice.ts`), last in the object. */
import { z } from "zod";
import { traceField } from "./attempts.ts";
import { cacheAskField, cacheFillField } from "./cache.ts";
import {
  errorField,
  idField,
  laneField,
  metadataField,
  routeField,
  statusField,
  timingField,
  usageField,
} from "./fields.ts";
import { replayField } from "./replay.ts";
import { shadowField } from "./shadow.ts";
import { reservationField } from "./usage.ts";

/** What ingest found out about a request, beside the request itself. */
export const admittedHead = z.object({
  id: idField,
  tenant: z.string(),
  /** SHA-256 of the request as read, in hex: the same id with other content is a dead letter (I1). */
  content_hash: z.string(),
  kind: z.enum(["chat", "embeddings"]),
  lane: laneField,
  session: z.string().optional(),
  user: z.string().optional(),
  tier: z.string().optional(),
  /** `body.model` as asked for: `auto`, a tier or a model. */
  model: z.string().optional(),
  deadline_ms: z.number().optional(),
  max_output_tokens: z.number().optional(),
  metadata: metadataField.optional(),
  timing: timingField,
  /** What is held for it in budgets and limits. */
  reservation: reservationField.optional(),
  /** The tiers that what is held suffices for, where the choice is ours, the weakest first; left out: any. */
  tiers: z.array(z.string()).optional(),
  /** What made them fewer: the tenant's plan, or what is left of its budgets. */
  tiers_by: z.enum(["plan", "budget"]).optional(),
  /** What the request says of the cache. */
  cache: cacheAskField.optional(),
  /** It is run for a comparison alone: its outcome is no Result. */
  shadow: shadowField.optional(),
  /** It is a replay's: its Result is on the replay's topic. */
  replay: replayField.optional(),
  /** Who is told of its Result, by a webhook. */
  callback_url: z.string().optional(),
});
export type AdmittedHead = z.infer<typeof admittedHead>;

/** `llm.admitted`. */
export const admittedSchema = admittedHead.extend({ request: z.looseObject({}) });

/** An answer of an earlier tier, on its way to the next one. */
const draftField = z.object({
  tier: z.string(),
  model: z.string(),
  /** The provider's JSON, as text. */
  response: z.string(),
  /** How it came about. */
  route: routeField.optional(),
  /** As of an outcome (`complete`). */
  complete: z.boolean().optional(),
  /** The tier says first whether it is good enough, and answers itself only if not. Else it is what is given where the tier's call fails. */
  judge: z.boolean().optional(),
});
export type Draft = z.infer<typeof draftField>;

export const jobHead = admittedHead.extend({
  route: routeField,
  /** Where its answer goes in the cache, once there is one. */
  fill: cacheFillField.optional(),
  /** Calls (or judgements) that were answered before this one; the job of a hop is another one to the attempt ledger. */
  hop: z.int().nonnegative().optional(),
  /** Of the hops before. */
  spent: usageField.optional(),
  /** Of the hops before, the last answer. */
  draft: draftField.optional(),
  /** Of hop 0: where the way began, and what that answer cost. */
  first: z.object({ tier: z.string(), cost_usd: z.number() }).optional(),
  /** Of the hops before: their calls. */
  trace: traceField.optional(),
});
export type JobHead = z.infer<typeof jobHead>;

/** Where an answer leads that is no outcome yet: the next hop's job, beside what is in the answer. */
export type Onward = Required<Pick<JobHead, "hop" | "route" | "first">> & { readonly draft: Omit<Draft, "response"> };

/** `llm.jobs.<tier>`. */
export const jobSchema = jobHead.extend({ request: z.looseObject({}) });

const outcomeFields = {
  id: idField,
  tenant: z.string(),
  status: statusField,
  error: errorField.optional(),
  route: routeField.optional(),
  usage: usageField.optional(),
  timing: timingField,
  metadata: metadataField.optional(),
};

export const outcomeHead = z.object({
  ...outcomeFields,
  content_hash: z.string(),
  reservation: reservationField.optional(),
  /** Calls that the provider may have billed although their answers are unknown. */
  unknown_calls: z.int().nonnegative().optional(),
  /** Where the answer goes in the cache; the entry's lead is given up in any case. */
  fill: cacheFillField.optional(),
  /** The answer is whole: only then it is kept (I5). */
  complete: z.boolean().optional(),
  shadow: shadowField.optional(),
  replay: replayField.optional(),
  user: z.string().optional(),
  callback_url: z.string().optional(),
  /** Its calls, for `explain`. */
  trace: traceField.optional(),
});
export type OutcomeHead = z.infer<typeof outcomeHead>;

/** `llm.outcomes`: the terminal result of one attempt. */
export const outcomeSchema = outcomeHead.extend({ response: z.looseObject({}).optional() });

export const resultHead = z.object({
  ...outcomeFields,
  /** Of a replay's Result. */
  replay: z.object({ id: z.string(), mode: z.string(), of: z.string().optional() }).optional(),
});
export type ResultHead = z.infer<typeof resultHead>;

/** `llm.results`: the public record, one per request id (I1). */
export const resultSchema = resultHead.extend({ response: z.looseObject({}).optional() });
export type Result = z.infer<typeof resultSchema>;
