/**
 * Redis, Postgres and a model backend as the handlers know them, in memory. They outlive every process. Each is away for a while
 * at times; Redis may also lose all it has (I8).
 */
import { MemoryAdmissionStore } from "../../libs/shared/budgets/memory-store.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import { unavailable } from "../../libs/shared/errors.ts";
import type { CacheAnswers } from "../../libs/shared/redis/cache-answers.ts";
import type { JobViewWriter } from "../../libs/shared/redis/job-views.ts";
import type { ModelAnswer, ModelClient } from "../../services/inference/model-client.ts";
import { type Claim, type ClaimStore, type ClaimVerdict, claimVerdict } from "../../services/results/claims.ts";
import { Attempts } from "./attempts.ts";
import { MemoryCacheAnswers } from "./cache-answers.ts";
import { Granted } from "./granted.ts";
import type { SimulatedProcess } from "./process.ts";
import type { Random } from "./random.ts";

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
  readonly answers: MemoryCacheAnswers;
  redis_lost = false;
  readonly #away = new Set<StoreName>();

  constructor(clock: Clock) {
    this.answers = new MemoryCacheAnswers(clock);
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

/** What results tells the cache. */
export function cacheAnswers(process: SimulatedProcess, stores: Stores): Pick<CacheAnswers, "finish"> {
  return {
    finish: (...told) =>
      callStore(process, stores, "redis", "fill the cache", () => void stores.answers.finish(...told)),
  };
}

export type ModelRates = {
  /** Parts of the calls: refused with a status, answered with nonsense, answered with a refusal in words. */
  readonly refusal: number;
  readonly garbage: number;
  readonly weak: number;
  readonly latency_ms: number;
};

export function modelClient(process: SimulatedProcess, stores: Stores, rates: ModelRates, random: Random): ModelClient {
  const answer = (id: string): ModelAnswer => {
    if (stores.isAway("model")) return { kind: "unreachable", message: "connection refused" };
    if (random.chance(rates.refusal)) {
      const status = random.pick([429, 500, 503]);
      return { kind: "answered", status, body: Buffer.from("{}"), retry_after_ms: random.int(0, 2_000) };
    }
    if (random.chance(rates.garbage)) return { kind: "answered", status: 200, body: Buffer.from("<html>") };
    stores.attempts.answered(id);
    const text = random.chance(rates.weak) ? "I cannot assist with that." : `answer to ${id}`;
    return { kind: "answered", status: 200, body: completion(id, text, random.int(1, COMPLETION_TOKENS_MAX)) };
  };
  return {
    async call({ id, timeout_ms }) {
      const work_ms = random.next() * 2 * rates.latency_ms;
      if (work_ms > timeout_ms) return { kind: "timeout" };
      try {
        return await process.call("model: call", () => answer(id), { lost: () => new LostCall(), work_ms });
      } catch (error) {
        if (error instanceof LostCall) return { kind: "timeout" };
        throw error;
      }
    },
  };
}

class LostCall extends Error {}

/** What the simulated model takes for one call. */
export const PROMPT_TOKENS = 3;
export const COMPLETION_TOKENS_MAX = 4;

function completion(id: string, content: string, completion_tokens: number): Buffer {
  return Buffer.from(
    JSON.stringify({
      id: `chatcmpl-${id}`,
      object: "chat.completion",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
      usage: { prompt_tokens: PROMPT_TOKENS, completion_tokens, total_tokens: PROMPT_TOKENS + completion_tokens },
    }),
  );
}
