/**
 * `llm.shadow`: requests run a second time for a comparison alone. Such a run is a request of an internal tenant with a budget of its own,
 * so that admission, calls and settlement are those of any other; its outcome is written here and never to `llm.results`.
 * Two kinds of record, both keyed by `<tenant>/<id>` of the original: `run` (both answers, by results) and `comparison` (by the router).
 */
import { z } from "zod";
import { idField, statusField, tenantField } from "./fields.ts";

/** On the run, from its start to its outcome: what it is compared with. */
export const shadowField = z.object({
  /** `cache_check`: whether a semantic hit was right. `tier`: what another tier would have answered. */
  kind: z.enum(["cache_check", "tier"]),
  /** Of `tier`: the name in `routing.shadows`. */
  name: z.string(),
  /** The original request. */
  tenant: tenantField,
  id: idField,
  /** Of `cache_check`: the entry, and the probability it was thought right with. */
  entry_id: z.string().optional(),
  probability: z.number().optional(),
});
export type Shadow = z.infer<typeof shadowField>;

const side = z.object({
  tier: z.string().optional(),
  model: z.string().optional(),
  cost_usd: z.number(),
  latency_ms: z.number().optional(),
  /** The answer's text; shortened beyond 16,384 characters. */
  text: z.string().optional(),
});
export type ShadowSide = z.infer<typeof side>;

const common = { shadow: shadowField, at_ms: z.number() };

export const shadowRun = z.object({
  ...common,
  kind: z.literal("run"),
  /** Of the run. */
  status: statusField,
  /** Left out where it is not known any more. */
  original: side.optional(),
  run: side,
});
export type ShadowRun = z.infer<typeof shadowRun>;

export const shadowComparison = z.object({
  ...common,
  kind: z.literal("comparison"),
  original: side,
  run: side,
  /** Whether both say the same. */
  same: z.boolean(),
  /** Cosine of the two answers' embeddings; 1 for equal text. */
  similarity: z.number(),
  /** What makes them differ, where it is known: `numbers`, `negation`… */
  differs_by: z.string().optional(),
});
export type ShadowComparison = z.infer<typeof shadowComparison>;

export const shadowEvent = z.discriminatedUnion("kind", [shadowRun, shadowComparison]);
export type ShadowEvent = z.infer<typeof shadowEvent>;

/** What is registered for the topic: what both kinds share. */
export const shadowEventSchema = z.looseObject({ kind: z.string(), ...common });

/** Tenants of the pipeline itself: nobody has keys for them. */
const INTERNAL = "sluice.";
export const CACHE_CHECK_TENANT = `${INTERNAL}cache-check`;

export function shadowTenant(name: string): string {
  return `${INTERNAL}shadow.${name}`;
}

export function isInternalTenant(tenant: string): boolean {
  return tenant.startsWith(INTERNAL);
}
