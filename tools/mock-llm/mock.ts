/** The state of one mock server, handed to every route. */

import { BatchStore } from "./batch-store.ts";
import { Slots } from "./call.ts";
import { type Random, seededRandom } from "./hash.ts";
import { type Behaviour, DEFAULTS, initialBehaviour, type MockLlmOptions } from "./options.ts";
import { PREFIX_CACHE_DEFAULTS, PrefixCache } from "./prefix-cache.ts";
import { RateLimiter } from "./rate-limit.ts";
import type { Recordings } from "./recorded.ts";
import { MockStats } from "./stats.ts";

export type Mock = {
  readonly options: MockLlmOptions;
  readonly seed: number;
  readonly recordings: Recordings;
  readonly stats: MockStats;
  readonly limiter: RateLimiter;
  readonly prefix_cache: PrefixCache;
  readonly slots: Slots;
  /** Files and batches. */
  readonly batches: BatchStore;
  /** Decides random faults. */
  readonly random: Random;
  /** A clock that never goes back. */
  readonly nowMs: () => number;
  /** Replaced as a whole by `POST /mock/faults`. */
  behaviour: Behaviour;
  /** Numbers the answers. */
  sequence: number;
};

/** A fresh state. */
export function createMock(options: MockLlmOptions, recordings: Recordings): Mock {
  const seed = options.seed ?? DEFAULTS.seed;
  return {
    options,
    seed,
    recordings,
    stats: new MockStats(),
    limiter: new RateLimiter({ rpm: options.rpm, tpm: options.tpm }),
    prefix_cache: new PrefixCache({
      ...PREFIX_CACHE_DEFAULTS,
      min_tokens: options.cache_min_tokens ?? DEFAULTS.cache_min_tokens,
    }),
    slots: new Slots(options.concurrency),
    batches: new BatchStore(),
    random: seededRandom(seed),
    nowMs: () => performance.now(),
    behaviour: initialBehaviour(options),
    sequence: 0,
  };
}
