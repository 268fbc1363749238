/** What one request leaves behind and costs, part by part, as `npm run bench:footprint` and docs/decisions/speed.md have it. */

/** Bytes of one request: of itself, and for each token of its prompt and answer. */
export type Bytes = { readonly fixed: number; readonly per_token_in: number; readonly per_token_out: number };

export type Footprint = {
  /** On the topics that keep records for `topics.retention_hours`. */
  readonly topics: Bytes;
  /** On the ledger's, which keeps 40 days. */
  readonly ledger: Bytes;
  /** On the cache's, which is compacted: an entry stays until it is told to go. */
  readonly cache: Bytes;
  /** In Redis by what it is, each kept for a time of its own. */
  readonly seen: Bytes;
  readonly job_view: Bytes;
  readonly cache_answer: Bytes;
  /** Rows and indexes. */
  readonly postgres: Bytes;
  /** CPU of each service and part at full load, ms. */
  readonly cpu_ms: {
    readonly gateway: number;
    readonly ingest: number;
    readonly router: number;
    /** More in the router for each token that is embedded; nothing where the cache does not look by meaning. */
    readonly embedding: number;
    readonly embedding_per_token: number;
    readonly inference: number;
    readonly results: number;
    readonly kafka: number;
    readonly redis: number;
    readonly postgres: number;
  };
};

/** How many bytes a request of that size takes. */
export function bytesOf(
  bytes: Bytes,
  { tokens_in, tokens_out }: { readonly tokens_in: number; readonly tokens_out: number },
): number {
  return bytes.fixed + bytes.per_token_in * tokens_in + bytes.per_token_out * tokens_out;
}

/**
 * Bytes as the benchmark found them with requests of 50 and 1,050 tokens, rounded up; prose on topics shrinks to about half, since large produce
 * requests are compressed. CPU as docs/decisions/speed.md has it, on cores of a small cloud machine; embedding as the benchmark has it.
 */
export const FOOTPRINT: Footprint = {
  topics: { fixed: 10_200, per_token_in: 6, per_token_out: 5 },
  ledger: { fixed: 1_100, per_token_in: 0, per_token_out: 0 },
  cache: { fixed: 2_000, per_token_in: 0, per_token_out: 3 },
  seen: { fixed: 450, per_token_in: 0, per_token_out: 0 },
  job_view: { fixed: 1_900, per_token_in: 0, per_token_out: 4 },
  cache_answer: { fixed: 1_600, per_token_in: 0, per_token_out: 4 },
  postgres: { fixed: 2_900, per_token_in: 0, per_token_out: 1.3 },
  cpu_ms: {
    gateway: 0.3,
    ingest: 0.5,
    router: 0.2,
    embedding: 1,
    embedding_per_token: 0.1,
    inference: 0.6,
    results: 0.45,
    kafka: 0.8,
    redis: 0.25,
    postgres: 0.1,
  },
};
