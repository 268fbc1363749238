/** A token bucket over requests and tokens at once; `pace.ts` has its arithmetic and its proof. Pure: time is an argument. */
import { type Amount, LargestCalls, type MinuteLimits, type Pace, paceOf } from "./pace.ts";

/** Levels are sums of fractions: what lies so little below zero is zero. */
const ROUNDING = 1e-6;

export class TokenBucket {
  #limits: MinuteLimits;
  readonly #largest = new LargestCalls();
  #requests = 0;
  #tokens = 0;
  #at_ms: number;

  /** Starts empty. */
  constructor(limits: MinuteLimits, now_ms: number) {
    this.#limits = limits;
    this.#at_ms = now_ms;
  }

  /** Takes both or nothing. A call goes while nothing is owed, and may leave a debt itself. */
  take(now_ms: number, requests: number, tokens: number): boolean {
    if (this.wait_ms(now_ms, requests, tokens) > 0) return false;
    this.#requests -= requests;
    this.#tokens -= tokens;
    this.#largest.note(now_ms, { requests, tokens });
    this.#bound();
    return true;
  }

  /** Until `take` would succeed when nobody else takes: 0 for now, Infinity where the limit is 0. */
  wait_ms(now_ms: number, requests: number, tokens: number): number {
    this.#fill(now_ms);
    const pace = this.#pace(now_ms);
    return Math.max(
      waitFor_ms(this.#limits.requests, requests, this.#requests, pace.requests),
      waitFor_ms(this.#limits.tokens, tokens, this.#tokens, pace.tokens),
    );
  }

  /** Corrects a call's tokens: what was not used comes back, what was used beyond the estimate is owed. */
  settle(now_ms: number, estimated_tokens: number, actual_tokens: number): void {
    this.giveBack(now_ms, { requests: 0, tokens: estimated_tokens - actual_tokens });
  }

  /**
   * Gives back what was not used; negative amounts are taken. What then lies above the burst can be taken at this same `now_ms`
   * and is gone later.
   */
  giveBack(now_ms: number, amount: Amount): void {
    this.#fill(now_ms);
    const pace = this.#pace(now_ms);
    this.#requests = lifted(this.#requests, amount.requests, pace.requests);
    this.#tokens = lifted(this.#tokens, amount.tokens, pace.tokens);
    this.#bound();
  }

  /** Other limits from now on. What is owed stays owed, and a greater share starts without its burst. */
  setRate(now_ms: number, limits: MinuteLimits): void {
    this.#fill(now_ms);
    this.#limits = limits;
    this.#bound();
  }

  #pace(now_ms: number): { readonly requests: Pace; readonly tokens: Pace } {
    const largest = this.#largest.at(now_ms);
    return {
      requests: paceOf(this.#limits.requests ?? 0, largest.requests),
      tokens: paceOf(this.#limits.tokens ?? 0, largest.tokens),
    };
  }

  /** Moves to now. A clock that was set back fills nothing. */
  #fill(now_ms: number): void {
    const elapsed_ms = now_ms - this.#at_ms;
    this.#at_ms = now_ms;
    if (elapsed_ms <= 0) return;
    const pace = this.#pace(now_ms);
    this.#requests = Math.min(pace.requests.burst, this.#requests + elapsed_ms * pace.requests.per_ms);
    this.#tokens = Math.min(pace.tokens.burst, this.#tokens + elapsed_ms * pace.tokens.per_ms);
  }

  #bound(): void {
    this.#requests = Math.max(-(this.#limits.requests ?? 0), this.#requests);
    this.#tokens = Math.max(-(this.#limits.tokens ?? 0), this.#tokens);
  }
}

function lifted(level: number, amount: number, { refunded_max }: Pace): number {
  return Math.min(level + amount, Math.max(level, refunded_max));
}

function waitFor_ms(limit: number | undefined, cost: number, level: number, pace: Pace): number {
  if (limit === undefined || cost <= 0) return 0;
  if (pace.per_ms <= 0) return Number.POSITIVE_INFINITY;
  return level >= -ROUNDING ? 0 : Math.max(1, Math.ceil(-level / pace.per_ms));
}
