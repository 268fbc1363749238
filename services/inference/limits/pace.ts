/**
 * How fast a limit may be used so that no 60 s window passes it. Pure.
 *
 * A level fills at `per_ms` up to `burst`; a call goes while the level is not below zero and takes its whole cost, so the level may fall
 * to minus one call. In any window: taken = level before − level after + what was filled in ≤ burst + largest call + 60 s of rate. The
 * rate is what that sum leaves of TARGET: 99 % of the limit at the most, whatever the calls come like. The hundredth up to the
 * limit and the hundredth that may be passed are for calls that reach the provider closer together than they were sent (1.2 s of
 * difference in travel). Calls above CALL_MAX of the limit no longer lower the rate, which stays at 96.5 % or more: up to 4 % of the limit
 * the window still holds 101 %; a window with a larger one may hold that call more than 97 %.
 *
 * Several processes add up: their limits are shares of one, so rates and bursts add up to the whole's, and each may add one call. That
 * one call is what its own rate was lowered for. A share that moves brings no burst: a level starts at zero and is only ever cut.
 *
 * Refunds: what comes back was let through before and not used; it moves use from one moment to a later one. A window may hold more by what
 * was in flight and unused when it began, less what is so when it ends: nothing on average, since calls are charged what they
 * are likely to use (`forecast.ts`). A level is lifted by it to REFUNDED at the most.
 *
 * That a call needs no full price in the bucket (it leaves a debt) keeps large calls from starving beside small ones: all go at the
 * same level, and a debt costs the same time as saving up.
 */

const WINDOW_MS = 60_000;
/** Of the limit, in any window. */
const TARGET = 0.99;
/** Of the limit: 300 ms of it, so that timers that fire late lose nothing. */
const BURST = 0.005;
/** Of the limit: many calls that give back much at once, as when none of their estimates was right, make no burst of it. */
const REFUNDED = 0.01;
/** Of the limit: larger calls lower the rate no further. */
const CALL_MAX = 0.02;

/** Requests and tokens, of a call, a limit or a level. */
export type Amount = { readonly requests: number; readonly tokens: number };

/** A minute's limits; undefined: not limited. */
export type MinuteLimits = { readonly requests: number | undefined; readonly tokens: number | undefined };

export type Pace = {
  readonly per_ms: number;
  readonly burst: number;
  /** The highest that what is given back lifts a level, for those that take at this very moment. */
  readonly refunded_max: number;
  /** The deepest that a level falls: after a minute no provider knows of what was before. */
  readonly debt_max: number;
};

/**
 * @param per_minute the limit, or a process's share of it; 0 lets nothing go.
 * @param largest the largest call of late.
 */
export function paceOf(per_minute: number, largest: number): Pace {
  const call = Math.min(largest, per_minute * CALL_MAX);
  return {
    per_ms: Math.max(0, per_minute * (TARGET - BURST) - call) / WINDOW_MS,
    burst: per_minute * BURST,
    refunded_max: per_minute * REFUNDED,
    debt_max: per_minute,
  };
}

/** The largest calls of the last one to two windows, per dimension. Pure but for its own numbers. */
export class LargestCalls {
  #since_ms = 0;
  #now: Amount = { requests: 0, tokens: 0 };
  #before: Amount = { requests: 0, tokens: 0 };

  note(now_ms: number, call: Amount): void {
    this.#turn(now_ms);
    this.#now = larger(this.#now, call);
  }

  at(now_ms: number): Amount {
    this.#turn(now_ms);
    return larger(this.#now, this.#before);
  }

  #turn(now_ms: number): void {
    const age_ms = now_ms - this.#since_ms;
    if (age_ms >= 0 && age_ms < WINDOW_MS) return;
    const none = { requests: 0, tokens: 0 };
    this.#before = age_ms >= 0 && age_ms < 2 * WINDOW_MS ? this.#now : none;
    this.#now = none;
    this.#since_ms = now_ms;
  }
}

function larger(one: Amount, other: Amount): Amount {
  return { requests: Math.max(one.requests, other.requests), tokens: Math.max(one.tokens, other.tokens) };
}
