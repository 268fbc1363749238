/**
 * Redis and Postgres as the handlers know them, in memory. They outlive every process. Each is away for a while at times, as the model
 * is; Redis may also lose all it has (I8).
 */
import { MemoryAdmissionStore } from "../../libs/shared/budgets/memory-store.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import type { AnswerRef, CacheAnswers } from "../../libs/shared/redis/cache-answers.ts";
import type { JobViewWriter } from "../../libs/shared/redis/job-views.ts";
import { type Claim, type ClaimStore, type ClaimVerdict, claimVerdict } from "../../services/results/claims.ts";
import { Attempts } from "./attempts.ts";
import { MemoryCacheAnswers } from "./cache-answers.ts";
import { Granted } from "./granted.ts";
import { GivenAnswers } from "./model.ts";
import type { SimulatedProcess } from "./process.ts";

export type StoreName = "redis" | "postgres" | "model";

/** Longer than any run. */
const DAY_MS = 86_400_000;
export const REMEMBERED = {
  seen_ttl_ms: DAY_MS,
  idempotency_ttl_ms: DAY_MS,
  session_ttl_ms: DAY_MS,
  alert_at: [0.5, 0.8],
} as const;

/** Longer than a rebuild takes, its wait for the lease included. */
const RESTORE_LOCK_MS = 20_000;

/** The state of the stores of one run. */
export class Stores {
  /** Redis's, on Redis's own clock. */
  readonly counters: MemoryAdmissionStore;
  readonly granted = new Granted();
  /** Places on `llm.usage` that the counters were told of. */
  readonly told = new Set<string>();
  readonly views = new Map<string, string>();
  readonly claims = new Map<string, Claim>();
  readonly attempts = new Attempts();
  /** The cache's, and what the model gave in truth. */
  readonly answers: MemoryCacheAnswers;
  readonly given = new GivenAnswers();
  /** Of routers, by what for. */
  readonly leases = new Map<string, { readonly holder: string; readonly until_ms: number }>();
  /** Who hears that a lead has ended. */
  readonly hearers = new Set<(ref: AnswerRef) => void>();
  redis_lost = false;
  readonly #away = new Set<StoreName>();

  constructor(clock: Clock) {
    this.answers = new MemoryCacheAnswers(clock, (ref) => {
      for (const hear of this.hearers) hear(ref);
    });
    this.counters = new MemoryAdmissionStore({ clock, ...REMEMBERED, lock_ttl_ms: RESTORE_LOCK_MS });
  }

  setAway(name: StoreName, away: boolean): void {
    if (away) this.#away.add(name);
    else this.#away.delete(name);
  }

  isAway(name: StoreName): boolean {
    return this.#away.has(name);
  }

  /** Redis starts again with nothing. */
  loseRedis(): void {
    this.redis_lost = true;
    this.counters.lose();
    this.granted.forget();
    this.views.clear();
    this.answers.lose();
    this.leases.clear();
    this.attempts.entries.clear();
  }
}

type Store = "redis" | "postgres";

/** @param partly what has taken effect where the connection breaks on the way. */
export function callStore<T>(
  process: SimulatedProcess,
  stores: Stores,
  name: Store,
  what: string,
  effect: () => T,
  partly?: () => T,
) {
  const guarded = (): T => {
    if (stores.isAway(name)) throw unavailable(name, new Error("connection refused"));
    return effect();
  };
  const lost = (): Error => unavailable(name, new Error("connection reset"));
  return process.call(`${name}: ${what}`, guarded, { lost, ...(partly === undefined ? {} : { partly }) });
}

export function claimStore(process: SimulatedProcess, stores: Stores): ClaimStore {
  const claimOne = (claim: Claim): ClaimVerdict => {
    const key = `${claim.tenant} ${claim.id}`;
    const holder = stores.claims.get(key);
    if (holder !== undefined) return claimVerdict(claim, holder);
    stores.claims.set(key, claim);
    return "won";
  };
  return { claim: (claims) => callStore(process, stores, "postgres", "claim", () => claims.map(claimOne)) };
}

export function jobViews(process: SimulatedProcess, stores: Stores): JobViewWriter {
  return {
    finish: (jobs) =>
      callStore(process, stores, "redis", "write the job views", () => {
        for (const { tenant, id, status } of jobs) stores.views.set(`${tenant} ${id}`, status);
      }),
  };
}

/** What the router asks of the cache, and results tells it. */
export function cacheAnswers(process: SimulatedProcess, stores: Stores): CacheAnswers {
  const { answers } = stores;
  const call = async <T>(what: string, effect: () => Promise<T>): Promise<T> =>
    callStore(process, stores, "redis", what, effect);
  return {
    look: (looks) => call("look into the cache", () => answers.look(looks)),
    finish: (...told) => call("fill the cache", () => answers.finish(...told)),
    restore: (...kept) => call("put answers back", () => answers.restore(...kept)),
    remove: (refs) => call("remove answers", () => answers.remove(refs)),
    isAlive: () => call("ask whether answers were lost", () => answers.isAlive()),
    setAlive: () => call("mark answers as there", () => answers.setAlive()),
  };
}
