/** Entries of the cache for tests. */
import type { CacheChange } from "../../../../libs/shared/cache/entry-records.ts";
import { type CacheEntryHead, cacheKey } from "../../../../libs/shared/events/cache.ts";

/** A semantic entry of `demo`, with what a test says otherwise. */
export function entryOf(own: Partial<CacheEntryHead>): CacheEntryHead {
  return {
    entry_id: "a1b2c3",
    namespace: "n1",
    tenant: "demo",
    text: "How do I reset my password?",
    embedding: "AAAA",
    embedding_model: "model-a",
    created_ms: 1_000,
    expires_ms: 100_000_000,
    request_id: "r1",
    tier: "small",
    model: "gpt",
    cost_usd: 0.001,
    ...own,
  };
}

/** The entry put there. */
export function putOf(own: Partial<CacheEntryHead>, response = Buffer.from("{}")): CacheChange {
  const entry = entryOf(own);
  return { kind: "put", key: cacheKey(entry), entry, response };
}
