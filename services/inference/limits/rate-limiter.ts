/**
 * The calls that wait for a tier's rate limits: first in, first out per partition, round robin over partitions. One question to the
 * bucket is under way at a time, for all that wait; a wait that the bucket told is waited out once, by the first, while the others
 * stand behind it. Bounded in number and time (I6).
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import { TokenForecast } from "./forecast.ts";
import type { LimitAnswer, LimitStore } from "./limit-store.ts";
import type { Amount } from "./pace.ts";
import { TurnQueue } from "./turn-queue.ts";
import { type Grant, isOver, TIMER_MS_MAX, type WaitBounds, Waiter } from "./waiter.ts";

export type RateNeeds = WaitBounds & {
  readonly requests: number;
  /** The most that the call may use. */
  readonly tokens: number;
  /** Competes with the other partitions, each in turn. */
  readonly partition: string;
};

export type RateLimiterOptions = {
  /** Undefined: no limits. Then a call goes at once, unless there is a pause. */
  readonly store: LimitStore | undefined;
  readonly clock: Clock;
  /** Calls that wait at the most; more are refused. */
  readonly waiting_max?: number;
  /** Told of every question that the bucket could not answer; it is asked again. */
  readonly failed?: (error: unknown) => void;
};

const WAITING_MAX = 10_000;
/** Calls asked for together. */
const ASKED_MAX = 64;
/** Between two questions to a bucket that does not answer. */
const RETRY_MS = 500;
const GRANTED: Promise<Grant> = Promise.resolve("granted");
const REFUSED: Promise<Grant> = Promise.resolve("refused");

type Waiting = { readonly needs: RateNeeds; readonly waiter: Waiter };
type Asked = { readonly waiting: Waiting; readonly charge: Amount };

export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #queue = new TurnQueue<Waiting>();
  readonly #forecast = new TokenForecast();
  #back: Amount = { requests: 0, tokens: 0 };
  /** When what is to be given back goes, at the latest. */
  #back_at_ms = Number.POSITIVE_INFINITY;
  #paused_until_ms = 0;
  /** The bucket told so: nobody asks before. */
  #refused_until_ms = 0;
  #asking = false;
  #timer: Timer | undefined;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** True without limits: nothing waits but for a pause. */
  get unlimited(): boolean {
    return this.#options.store === undefined;
  }

  /** Every call that is granted ends in exactly one `settle` or `giveBack`. */
  take(needs: RateNeeds): Promise<Grant> {
    const now_ms = this.#options.clock.now_ms();
    if (isOver(now_ms, needs)) return REFUSED;
    if (this.unlimited && now_ms >= this.#paused_until_ms) return GRANTED;
    if (this.#queue.size >= (this.#options.waiting_max ?? WAITING_MAX)) return REFUSED;
    const waiting = { needs, waiter: new Waiter() };
    this.#queue.add(needs.partition, waiting);
    this.#pump();
    waiting.waiter.arm(this.#options.clock, needs, () => this.#queue.remove(needs.partition, waiting));
    return waiting.waiter.promise;
  }

  /**
   * A call is over.
   * @param estimated_tokens as it asked for.
   * @param actual_tokens undefined where they are not known: what was charged stands.
   */
  settle(estimated_tokens: number, actual_tokens: number | undefined): void {
    if (this.unlimited) return;
    this.#return({ requests: 0, tokens: this.#forecast.settle(estimated_tokens, actual_tokens) });
  }

  /** A call that was granted was not made. */
  giveBack(requests: number, estimated_tokens: number): void {
    if (this.unlimited) return;
    this.#return({ requests, tokens: this.#forecast.cancel(estimated_tokens) });
  }

  /** Nothing is granted before `until_ms` (epoch): the provider asked for it. A shorter pause does not end a longer one. */
  pause(until_ms: number): void {
    this.#paused_until_ms = Math.max(this.#paused_until_ms, until_ms);
    this.#arm();
  }

  /** This process's part of the partitions, 0 to 1; on every assignment, in either scope. */
  setShare(share: number): void {
    this.#options.store?.setShare(share);
    this.#refused_until_ms = 0;
    this.#pump();
  }

  #return(amount: Amount): void {
    if (amount.requests === 0 && amount.tokens === 0) return;
    this.#owe(amount);
    this.#pump();
  }

  /** Asks for those whose turn it is, as long as there is something to ask and an answer comes at once. */
  #pump(): void {
    while (!this.#asking) {
      const now_ms = this.#options.clock.now_ms();
      const returns = this.#back_at_ms <= now_ms;
      // What is given back may be what the next one waits for.
      const held_until_ms = returns ? this.#paused_until_ms : Math.max(this.#paused_until_ms, this.#refused_until_ms);
      const asked = held_until_ms > now_ms ? [] : this.#charged(this.#queue.peek(ASKED_MAX));
      if (asked.length === 0 && !returns) break;
      this.#ask(asked);
    }
    this.#arm();
  }

  #ask(asked: readonly Asked[]): void {
    const back = this.#back;
    this.#back = { requests: 0, tokens: 0 };
    this.#back_at_ms = Number.POSITIVE_INFINITY;
    const calls = asked.map(({ charge }) => charge);
    const answer = this.#options.store?.ask(calls, back) ?? { granted: asked.length, wait_ms: 0 };
    if (!(answer instanceof Promise)) {
      this.#hear(asked, answer);
      return;
    }
    this.#asking = true;
    const heard = answer.then(
      (told) => this.#hear(asked, told),
      (error: unknown) => this.#missed(error, back),
    );
    void heard.then(() => {
      this.#asking = false;
      this.#pump();
    });
  }

  #hear(asked: readonly Asked[], { granted, wait_ms }: LimitAnswer): void {
    const now_ms = this.#options.clock.now_ms();
    this.#refused_until_ms = wait_ms > 0 ? now_ms + wait_ms : 0;
    const paused = this.#paused_until_ms > now_ms;
    for (const { waiting, charge } of asked.slice(0, granted)) {
      const { needs, waiter } = waiting;
      // A pause or a caller that gave up may have come while the question was under way.
      if (paused || !this.#queue.serve(needs.partition, waiting)) {
        this.#owe(charge);
        continue;
      }
      if (!this.unlimited) this.#forecast.open(needs.tokens, charge.tokens);
      waiter.end("granted");
    }
  }

  /** The question may have been heard or not: what was taken counts as taken, what was to come back does not come. */
  #missed(error: unknown, back: Amount): void {
    this.#refused_until_ms = this.#options.clock.now_ms() + RETRY_MS;
    const taken = { requests: Math.min(0, back.requests), tokens: Math.min(0, back.tokens) };
    if (taken.requests < 0 || taken.tokens < 0) this.#owe(taken, RETRY_MS);
    this.#options.failed?.(error);
  }

  /** Notes what the bucket is to have back, or to take, with the next question. */
  #owe({ requests, tokens }: Amount, delay_ms = this.#options.store?.give_back_delay_ms ?? 0): void {
    this.#back = { requests: this.#back.requests + requests, tokens: this.#back.tokens + tokens };
    this.#back_at_ms = Math.min(this.#back_at_ms, this.#options.clock.now_ms() + delay_ms);
  }

  #charged(waiting: readonly Waiting[]): Asked[] {
    const per_minute = this.#options.store?.tokens_per_minute;
    let ahead = 0;
    return waiting.map((one) => {
      const { requests, tokens: estimated } = one.needs;
      const tokens = this.#forecast.charge(estimated, per_minute, ahead);
      ahead += Math.max(0, estimated - tokens);
      return { waiting: one, charge: { requests, tokens } };
    });
  }

  /** Comes back when there is something to ask next. */
  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const now_ms = this.#options.clock.now_ms();
    const ask_at_ms = this.#queue.size > 0 ? Math.max(this.#paused_until_ms, this.#refused_until_ms) : Infinity;
    const at_ms = Math.min(ask_at_ms, this.#back_at_ms);
    if (this.#asking || at_ms === Infinity) return;
    this.#timer = this.#options.clock.after(Math.min(TIMER_MS_MAX, Math.max(0, at_ms - now_ms)), () => this.#pump());
  }
}
