/** Requests and tokens a minute, as two token buckets a model that refill all the time. Pure: time is an argument. */

import { BoundedMap } from "./bounded.ts";

/** Undefined: no such limit. */
export type Limits = { readonly rpm: number | undefined; readonly tpm: number | undefined };

type Level = { left: number; at_ms: number };
/** What is left of a model's limits. */
export type Bucket = { readonly requests: Level; readonly tokens: Level };

/** One limit after a call: what it allows a minute, what is left, and when it is full again. */
export type LimitState = { readonly limit: number; readonly remaining: number; readonly reset_ms: number };

export type Verdict = {
  readonly allowed: boolean;
  /** The limit that refused. */
  readonly refused_by?: "requests" | "tokens";
  /** When the same call would pass. */
  readonly retry_after_ms: number;
  readonly requests?: LimitState;
  readonly tokens?: LimitState;
};

const MINUTE_MS = 60_000;
/** Models with a bucket; the one used longest ago is dropped first. */
const BUCKETS_MAX = 1_000;

/** A full bucket. */
export function newBucket(limits: Limits, now_ms: number): Bucket {
  return {
    requests: { left: limits.rpm ?? 0, at_ms: now_ms },
    tokens: { left: limits.tpm ?? 0, at_ms: now_ms },
  };
}

/** Takes one request and `tokens` out of the bucket, or nothing at all when either is short. */
export function take(bucket: Bucket, limits: Limits, tokens: number, now_ms: number): Verdict {
  const wait_requests_ms = refill(bucket.requests, limits.rpm, 1, now_ms);
  const wait_tokens_ms = refill(bucket.tokens, limits.tpm, tokens, now_ms);
  const allowed = wait_requests_ms === 0 && wait_tokens_ms === 0;
  if (allowed) {
    bucket.requests.left -= 1;
    bucket.tokens.left -= tokens;
  }
  return {
    allowed,
    retry_after_ms: Math.max(wait_requests_ms, wait_tokens_ms),
    ...(allowed ? {} : { refused_by: wait_requests_ms >= wait_tokens_ms ? "requests" : "tokens" }),
    ...(limits.rpm === undefined ? {} : { requests: stateOf(bucket.requests, limits.rpm) }),
    ...(limits.tpm === undefined ? {} : { tokens: stateOf(bucket.tokens, limits.tpm) }),
  };
}

/** Brings a level up to now; returns how long until `cost` fits (a cost beyond the limit waits a full minute). */
function refill(level: Level, limit: number | undefined, cost: number, now_ms: number): number {
  if (limit === undefined) return 0;
  const gained = (Math.max(0, now_ms - level.at_ms) * limit) / MINUTE_MS;
  level.left = Math.min(limit, level.left + gained);
  level.at_ms = now_ms;
  if (level.left >= cost) return 0;
  return Math.min(MINUTE_MS, Math.max(1, Math.ceil(((cost - level.left) * MINUTE_MS) / limit)));
}

function stateOf(level: Level, limit: number): LimitState {
  const remaining = Math.max(0, level.left);
  return { limit, remaining: Math.floor(remaining), reset_ms: Math.ceil(((limit - remaining) * MINUTE_MS) / limit) };
}

/** A duration as OpenAI writes it in its headers: `12ms`, `1.5s`, `6m0s`. */
export function formatReset(reset_ms: number): string {
  if (reset_ms < 1_000) return `${reset_ms}ms`;
  if (reset_ms < MINUTE_MS) return `${Number((reset_ms / 1_000).toFixed(3))}s`;
  return `${Math.floor(reset_ms / MINUTE_MS)}m${Math.floor((reset_ms % MINUTE_MS) / 1_000)}s`;
}

/** OpenAI's `x-ratelimit-*` headers; only for the limits that exist. */
export function limitHeaders(verdict: Verdict): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ["requests", "tokens"] as const) {
    const state = verdict[name];
    if (state === undefined) continue;
    headers[`x-ratelimit-limit-${name}`] = String(state.limit);
    headers[`x-ratelimit-remaining-${name}`] = String(state.remaining);
    headers[`x-ratelimit-reset-${name}`] = formatReset(state.reset_ms);
  }
  return headers;
}

/** The buckets of all models. */
export class RateLimiter {
  readonly #limits: Limits;
  readonly #buckets = new BoundedMap<Bucket>(BUCKETS_MAX);

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Undefined when there are no limits at all. */
  take(model: string, tokens: number, now_ms: number): Verdict | undefined {
    if (this.#limits.rpm === undefined && this.#limits.tpm === undefined) return undefined;
    const bucket = this.#buckets.get(model) ?? newBucket(this.#limits, now_ms);
    this.#buckets.set(model, bucket);
    return take(bucket, this.#limits, tokens, now_ms);
  }
}
