/** The port to a bucket, this process's own or one that all share, and the adapter for the former. */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { LimitSettings } from "../../../libs/shared/config/inference.ts";
import { TokenBucket } from "./bucket.ts";
import type { Amount } from "./pace.ts";
import { limitsOf } from "./shares.ts";

export type LimitAnswer = {
  /** So many of the calls may go, from the first on. */
  readonly granted: number;
  /** Until the first that was not granted may ask again: 0 when there is none, Infinity when nothing can be said. */
  readonly wait_ms: number;
};

export interface LimitStore {
  /** Gives back, then takes for each call in turn, both or nothing, up to the first that cannot go. */
  ask(calls: readonly Amount[], back: Amount): LimitAnswer | Promise<LimitAnswer>;
  /** This process's part of the work, 0 to 1. */
  setShare(share: number): void;
  /** This process's part of the tokens a minute; undefined: not limited. */
  readonly tokens_per_minute: number | undefined;
  /** How long an amount to give back may wait, so that several travel together. */
  readonly give_back_delay_ms: number;
}

/** The bucket of `scope: assignment`: this process's share of the limits. Nothing goes before the first `setShare`. */
export class LocalLimits implements LimitStore {
  readonly give_back_delay_ms = 0;
  readonly #settings: LimitSettings;
  readonly #clock: Clock;
  readonly #bucket: TokenBucket;
  #share = 0;

  constructor(settings: LimitSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#bucket = new TokenBucket(limitsOf(settings, 0), clock.now_ms());
  }

  get tokens_per_minute(): number | undefined {
    return limitsOf(this.#settings, this.#share).tokens;
  }

  setShare(share: number): void {
    this.#share = share;
    this.#bucket.setRate(this.#clock.now_ms(), limitsOf(this.#settings, share));
  }

  ask(calls: readonly Amount[], back: Amount): LimitAnswer {
    const now_ms = this.#clock.now_ms();
    this.#bucket.giveBack(now_ms, back);
    for (const [granted, { requests, tokens }] of calls.entries()) {
      if (this.#bucket.take(now_ms, requests, tokens)) continue;
      return { granted, wait_ms: this.#bucket.wait_ms(now_ms, requests, tokens) };
    }
    return { granted: calls.length, wait_ms: 0 };
  }
}
