/** A pool on virtual time with stand-ins for the limits; calls are made and ended by the test. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { CallNeeds, CallReport, Permit, Refusal } from "../../../../services/inference/backend.ts";
import { EndpointPool, type PoolDeps } from "../../../../services/inference/endpoints/pool.ts";
import type { Concurrency, Limiter } from "../../../../services/inference/endpoints/ports.ts";
import type { ModelClient } from "../../../../services/inference/model-client.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

export const HEALTH = {
  window_calls: 20,
  degraded_error_ratio: 0.2,
  unhealthy_error_ratio: 0.6,
  probe_interval_ms: 1_000,
  probe_timeout_ms: 500,
};
export const BREAKER = { failure_ratio: 0.7, window_ms: 10_000, calls_min: 1_000, open_ms: 5_000 };

export const ANSWERED: CallReport = { end: "answered", latency_ms: 100 };
export const FAILED: CallReport = { end: "failed", latency_ms: 100 };

/** Room for so many, without a line of its own: the pool asks only where there is room. */
export class FixedConcurrency implements Concurrency {
  readonly limit: number;
  readonly released: string[] = [];
  in_flight = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  async acquire(): Promise<"granted" | "refused"> {
    assert.ok(this.in_flight < this.limit, "asked where there is no room");
    this.in_flight += 1;
    return "granted";
  }

  release(end: string | undefined): void {
    assert.ok(this.in_flight > 0, "released more than was taken");
    this.in_flight -= 1;
    this.released.push(end ?? "unused");
  }
}

/** Grants at once, or holds what is asked until `open`. Writes down everything that it is told. */
export class NotingLimiter implements Limiter {
  readonly told: string[] = [];
  #holding: (() => void)[] | undefined;

  hold(): void {
    this.#holding = [];
  }

  open(): void {
    const waiting = this.#holding ?? [];
    this.#holding = undefined;
    for (const go of waiting) go();
  }

  take({ requests, tokens, partition, signal }: Parameters<Limiter["take"]>[0]): Promise<"granted" | "refused"> {
    this.told.push(`take ${requests} ${tokens} ${partition}`);
    if (this.#holding === undefined) return Promise.resolve("granted");
    return new Promise((resolve) => {
      this.#holding?.push(() => resolve("granted"));
      signal.addEventListener("abort", () => resolve("refused"));
    });
  }

  settle(estimated_tokens: number, actual_tokens: number | undefined): void {
    this.told.push(`settle ${estimated_tokens} ${actual_tokens ?? "?"}`);
  }

  giveBack(requests: number, tokens: number): void {
    this.told.push(`back ${requests} ${tokens}`);
  }

  pause(until_ms: number): void {
    this.told.push(`pause ${until_ms}`);
  }
}

export type KeyClient = ModelClient & { readonly endpoint: string; readonly key: string | undefined };

export type FixtureOptions = Partial<PoolDeps> & { readonly limit?: number };

/** Chance with exact shares that repeats. */
export function even(): () => number {
  let step = 0;
  return () => {
    step += 1;
    return (step * 0.618_033_988_749_895) % 1;
  };
}

export function createFixture(names: readonly string[], options: FixtureOptions = {}) {
  const clock = new VirtualClock();
  const limiter = new NotingLimiter();
  const changes: string[] = [];
  const concurrency = new Map(names.map((name) => [name, new FixedConcurrency(options.limit ?? 4)]));
  const pool = new EndpointPool({
    clock,
    random: even(),
    strategy: "round_robin",
    endpoints: names.map((name) => ({ name, weight: 1, keys: [undefined] })),
    createClient: (endpoint, key): KeyClient => ({
      endpoint,
      key,
      call: () => Promise.reject(new Error("not called")),
    }),
    createConcurrency: (name) => concurrency.get(name) as FixedConcurrency,
    limiter,
    health: HEALTH,
    breaker: BREAKER,
    onChange: (endpoint, change) =>
      changes.push(
        `${endpoint} ${change.what === "key_refused" ? `key ${change.key}` : `${change.from}→${change.to}`}`,
      ),
    ...options,
  });

  /** Lets every promise that can settle do so, and time pass. */
  const pass = async (ms = 0): Promise<void> => {
    const until_ms = clock.now_ms() + ms;
    await setImmediate();
    if (ms > 0) {
      let over = false;
      clock.after(ms, () => {
        over = true;
      });
      await clock.run(() => over, until_ms);
    }
    await setImmediate();
  };

  const ask = (needs: Partial<CallNeeds> = {}): Promise<Permit | Refusal> =>
    pool.permit({
      requests: 1,
      tokens: 10,
      source: { topic: "jobs", partition: 3 },
      until_ms: clock.now_ms() + 60_000,
      signal: new AbortController().signal,
      avoid: new Set(),
      ...needs,
    });

  /** A permit that is there without a wait. */
  const permit = async (needs: Partial<CallNeeds> = {}): Promise<Permit> => {
    const answer = await ask(needs);
    assert.equal(answer.kind, "permit");
    assert.deepEqual((answer as Permit).waited_ms, {});
    return answer as Permit;
  };

  /** So many calls one after the other, each ended as its endpoint says. @returns calls by endpoint. */
  const calls = async (
    times: number,
    endOf: (endpoint: string) => CallReport = () => ANSWERED,
    needs: Partial<CallNeeds> = {},
  ): Promise<Record<string, number>> => {
    const taken: Record<string, number> = {};
    for (let call = 0; call < times; call += 1) {
      const one = await permit(needs);
      taken[one.endpoint] = (taken[one.endpoint] ?? 0) + 1;
      one.end(endOf(one.endpoint));
      await setImmediate();
    }
    return taken;
  };

  return { clock, limiter, changes, concurrency, pool, pass, ask, permit, calls };
}
