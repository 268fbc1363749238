/** Rate limits of one subject in memory: both algorithms, and the daily quota. Time is an argument. */
import type { RateAsk, RateRoom, Refusal } from "./admission-store.ts";
import { RATE_SLOT_MS, RATE_SLOTS, SlotWindow } from "./slot-window.ts";
import { DAY_MS, dayOf } from "./store-names.ts";
import { type BucketState, bucketLeft, bucketWait_ms, firstFullAt_us, refill_us } from "./token-bucket.ts";

type Measure = "requests" | "tokens";
type Charge = { readonly measure: Measure; readonly limit: number; readonly needed: number };

/** How a subject was charged: what a correction has to know. */
export type ChargedAs = RateAsk["algorithm"];

/** The limits of a subject that one request touches. */
function chargesOf(ask: RateAsk, tokens: number): Charge[] {
  const charges: Charge[] = [];
  if (ask.requests_per_minute !== undefined) {
    charges.push({ measure: "requests", limit: ask.requests_per_minute, needed: 1 });
  }
  if (ask.tokens_per_minute !== undefined) {
    charges.push({ measure: "tokens", limit: ask.tokens_per_minute, needed: tokens });
  }
  return charges;
}

export class MemoryRates {
  readonly #windows: Readonly<Record<Measure, SlotWindow>> = {
    requests: new SlotWindow(RATE_SLOT_MS, RATE_SLOTS),
    tokens: new SlotWindow(RATE_SLOT_MS, RATE_SLOTS),
  };
  readonly #full_at_us: Partial<Record<Measure, number>> = {};
  #tokens_limit: number | undefined;
  #quota = { day: 0, count: 0 };

  /** Requests admitted today. */
  quotaRefusal(ask: RateAsk, now_ms: number): Refusal | undefined {
    const limit = ask.requests_per_day;
    if (limit === undefined) return undefined;
    const left = Math.max(0, limit - this.#countOf(dayOf(now_ms)));
    if (left >= 1) return undefined;
    const retry_after_ms = (dayOf(now_ms) + 1) * DAY_MS - now_ms;
    return { reason: "quota", scope: ask.scope, limit, left, needed: 1, retry_after_ms };
  }

  rateRefusal(ask: RateAsk, tokens: number, now_ms: number): Refusal | undefined {
    for (const { measure, limit, needed } of chargesOf(ask, tokens)) {
      const wait_ms = needed > limit ? undefined : this.#wait_ms(ask, { measure, limit, needed }, now_ms);
      if (wait_ms === 0) continue;
      const left = this.#left(ask, measure, limit, now_ms);
      const wait = wait_ms === undefined ? {} : { retry_after_ms: wait_ms };
      return { reason: `rate_${measure}`, scope: ask.scope, limit, left, needed, ...wait };
    }
    return undefined;
  }

  /** @returns how a minute's limit was charged; undefined where the subject has none. */
  charge(ask: RateAsk, tokens: number, now_ms: number): ChargedAs | undefined {
    if (ask.requests_per_day !== undefined) this.countToday(1, now_ms);
    const charges = chargesOf(ask, tokens);
    if (charges.length === 0) return undefined;
    if (ask.algorithm === "sliding_window") {
      this.addPast(now_ms, tokens, now_ms);
      return ask.algorithm;
    }
    for (const { measure, limit, needed } of charges) {
      const full_at_us = Math.max(this.#bucket(ask, measure, limit, now_ms).full_at_us, now_ms * 1000);
      this.#full_at_us[measure] = full_at_us + refill_us(needed, limit);
    }
    this.#tokens_limit = ask.tokens_per_minute;
    return ask.algorithm;
  }

  /** Tokens used instead of tokens charged, where they were charged. */
  correct(charged_as: ChargedAs, at_ms: number, delta: number, now_ms: number): void {
    if (charged_as === "sliding_window") {
      this.#windows.tokens.add(at_ms, delta, now_ms);
      return;
    }
    const full_at_us = this.#full_at_us.tokens;
    if (full_at_us === undefined || this.#tokens_limit === undefined) return;
    const cost_us = refill_us(Math.abs(delta), this.#tokens_limit);
    this.#full_at_us.tokens = full_at_us + Math.sign(delta) * cost_us;
  }

  /** After the charge. */
  room(ask: RateAsk, now_ms: number): RateRoom {
    const room: { -readonly [Key in Measure]?: NonNullable<RateRoom[Key]> } = {};
    for (const { measure, limit } of chargesOf(ask, 0)) {
      room[measure] = {
        limit,
        left: this.#left(ask, measure, limit, now_ms),
        reset_ms: this.#reset_ms(ask, measure, limit, now_ms),
      };
    }
    return room;
  }

  /** One admitted request of the last minute. */
  addPast(at_ms: number, tokens: number, now_ms: number): void {
    this.#windows.requests.add(at_ms, 1, now_ms);
    this.#windows.tokens.add(at_ms, tokens, now_ms);
  }

  countToday(count: number, now_ms: number): void {
    const day = dayOf(now_ms);
    this.#quota = { day, count: this.#countOf(day) + count };
  }

  #countOf(day: number): number {
    return this.#quota.day === day ? this.#quota.count : 0;
  }

  #wait_ms(ask: RateAsk, { measure, limit, needed }: Charge, now_ms: number): number {
    if (ask.algorithm === "token_bucket") return bucketWait_ms(this.#bucket(ask, measure, limit, now_ms), needed);
    return this.#windows[measure].fallsTo_ms(limit - needed, now_ms);
  }

  #left(ask: RateAsk, measure: Measure, limit: number, now_ms: number): number {
    if (ask.algorithm === "token_bucket") return bucketLeft(this.#bucket(ask, measure, limit, now_ms));
    return Math.max(0, limit - this.#windows[measure].sum(now_ms));
  }

  #reset_ms(ask: RateAsk, measure: Measure, limit: number, now_ms: number): number {
    if (ask.algorithm === "sliding_window") return this.#windows[measure].empties_ms(now_ms);
    return Math.max(0, Math.ceil(this.#bucket(ask, measure, limit, now_ms).full_at_us / 1000 - now_ms));
  }

  #bucket(ask: RateAsk, measure: Measure, per_minute: number, now_ms: number): BucketState {
    const now_us = now_ms * 1000;
    const burst_us = ask.burst_s * 1_000_000;
    const first_us = () => firstFullAt_us(this.#windows[measure].sum(now_ms), now_us, per_minute, burst_us);
    return { full_at_us: this.#full_at_us[measure] ?? first_us(), now_us, per_minute, burst_us };
  }
}

/** The tighter of two, by what is left. */
export function tighterRoom(one: RateRoom, other: RateRoom): RateRoom {
  const requests = tighter(one.requests, other.requests);
  const tokens = tighter(one.tokens, other.tokens);
  return { ...(requests === undefined ? {} : { requests }), ...(tokens === undefined ? {} : { tokens }) };
}

function tighter<T extends { readonly left: number }>(one: T | undefined, other: T | undefined): T | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.left < one.left ? other : one;
}
