/** The parts of the cache as the router sees them. */
import type { CacheEntryHead, CacheFill } from "../../../libs/shared/events/cache.ts";
import type { CacheSelector } from "../../../libs/shared/events/control.ts";
import type { Decision } from "../../../libs/shared/events/fields.ts";
import type { KeptAnswer } from "../../../libs/shared/redis/cache-answers.ts";

/** What is looked for, made from a request by `ask.ts`. */
export type CacheAsk = {
  readonly tenant: string;
  readonly id: string;
  readonly entry_id: string;
  readonly namespace: string;
  readonly label?: string;
  /** The last user turn, where the request may be answered by meaning. */
  readonly text?: string;
  /** The request's own, which may only be stricter. */
  readonly threshold?: number;
  readonly ttl_ms: number;
  readonly reads: boolean;
  readonly writes: boolean;
  /** Nobody waits for it beyond this, epoch ms. */
  readonly deadline_ms?: number;
  /** It waits for identical requests of its own lane alone. */
  readonly lane: "interactive" | "batch";
};

export type CacheEvidence = NonNullable<Decision["cache"]>;

export type CacheHit = {
  readonly kind: "hit";
  readonly how: "exact" | "semantic" | "coalesced";
  readonly answer: KeptAnswer;
  readonly similarity?: number;
  readonly probability?: number;
  readonly evidence?: CacheEvidence;
};

export type CacheMiss = {
  readonly kind: "miss";
  /** Where the answer goes; undefined where it is not kept and nobody waits for it. */
  readonly fill?: CacheFill;
  /** Of the last user turn, where it was embedded. */
  readonly vector?: Float32Array;
  readonly evidence?: CacheEvidence;
};

/** The whole cache: exact, then semantic, then a wait for an identical request under way. */
export interface AnswerCache {
  /** @param stopping aborted when the service drains: a wait then ends with a retryable error. */
  lookUp(ask: CacheAsk, stopping: AbortSignal): Promise<CacheHit | CacheMiss>;
}

/** A neighbour in the index. */
export type Neighbour = {
  readonly entry: IndexedEntry;
  readonly similarity: number;
};

/** What a router keeps of an entry in memory. */
export type IndexedEntry = Omit<CacheEntryHead, "embedding"> & { readonly vector?: Int8Array };

export type EntryTimes = Pick<CacheEntryHead, "created_ms" | "expires_ms">;

/** The view of `llm.cache` in memory: all entries, those with a vector found by meaning. */
export interface CacheIndex {
  /** Adds or replaces. */
  put(entry: IndexedEntry): void;
  remove(namespace: string, entry_id: string): void;
  /** The nearest entries of a namespace that have not expired, the nearest first. */
  nearest(namespace: string, vector: Int8Array, count: number, now_ms: number): readonly Neighbour[];
  /** Since when and until when there is an entry; undefined where there is none. */
  times(entry: Pick<CacheEntryHead, "namespace" | "entry_id">): EntryTimes | undefined;
  /** Marks an entry as used, for eviction. */
  used(namespace: string, entry_id: string): void;
  /** Takes away what the selector names and was made until `at_ms`; @returns what went. */
  removeMatching(selector: CacheSelector, at_ms: number): readonly IndexedEntry[];
  /** Takes away what has expired, and what is beyond the bounds, those used longest ago first. */
  sweep(now_ms: number): readonly IndexedEntry[];
  readonly size: number;
}
