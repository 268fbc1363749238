/**
 * `llm.cache` (compacted): answers that may be given again, each with the embedding of its question. Keyed by `<namespace>:<entry_id>`;
 * an empty value takes the entry away. The response is carried as bytes, last in the object (`splice.ts`).
 */
import { z } from "zod";

/** What a request says of the cache, from its `cache` field. */
export const cacheAskField = z.object({
  mode: z.enum(["default", "bypass", "no-store", "only"]).optional(),
  ttl_seconds: z.number().optional(),
  threshold: z.number().optional(),
});
/** Of a request's `metadata`: keeps some of a tenant's entries apart from its others. */
export const CACHE_NAMESPACE = "cache_namespace";

const entryFields = {
  /** The whole request's fingerprint within its tenant, in hex: equal for equal requests alone. */
  entry_id: z.string(),
  /** Fingerprint of tenant, embedding model, and all of the request but its last user turn, in hex: entries of two never meet (I5). */
  namespace: z.string(),
  /** The request's own `metadata.cache_namespace`, for people who clear it. */
  label: z.string().optional(),
  /** The last user turn and its embedding, where it may be found by meaning: base64 of one signed byte per dimension. */
  text: z.string().optional(),
  embedding: z.string().optional(),
  embedding_model: z.string().optional(),
};

/** Travels with a request from the router to results. */
export const cacheFillField = z.object({
  ...entryFields,
  ttl_ms: z.number(),
  /** False: nothing is stored; only whoever waits for the answer is told. */
  store: z.boolean(),
});
export type CacheFill = z.infer<typeof cacheFillField>;

export const cacheEntryHead = z.object({
  ...entryFields,
  tenant: z.string(),
  created_ms: z.number(),
  expires_ms: z.number(),
  /** Whose answer it is; of a warmed entry, `warmed`. */
  request_id: z.string(),
  tier: z.string(),
  model: z.string(),
  /** What a hit saves. */
  cost_usd: z.number(),
});
export type CacheEntryHead = z.infer<typeof cacheEntryHead>;

/** `llm.cache`. */
export const cacheEntrySchema = cacheEntryHead.extend({ response: z.looseObject({}) });

/** The record key of an entry. */
export function cacheKey({ namespace, entry_id }: Pick<CacheEntryHead, "namespace" | "entry_id">): string {
  return `${namespace}:${entry_id}`;
}
