/** The calls in flight to one endpoint, and those that wait for room: first in, first out, bounded in number and time (I6). */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { ConcurrencySettings } from "../../../libs/shared/config/inference.ts";
import type { CallEnd } from "../backend.ts";
import { AimdLimit } from "./aimd.ts";
import { type Grant, isOver, type WaitBounds, Waiter } from "./waiter.ts";

export type AdaptiveConcurrencyOptions = {
  readonly settings: ConcurrencySettings;
  /** The tier's `in_flight_max`. */
  readonly max: number;
  readonly clock: Clock;
  /** Calls that wait at the most; more are refused. */
  readonly waiting_max?: number;
};

const WAITING_MAX = 10_000;

export class AdaptiveConcurrency {
  readonly #options: AdaptiveConcurrencyOptions;
  readonly #aimd: AimdLimit;
  readonly #waiters = new Set<Waiter>();
  #in_flight = 0;

  constructor(options: AdaptiveConcurrencyOptions) {
    this.#options = options;
    this.#aimd = new AimdLimit(options.settings, options.max);
  }

  get in_flight(): number {
    return this.#in_flight;
  }

  /** Calls in flight that it allows now. */
  get limit(): number {
    return this.#aimd.limit;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Every `granted` ends in exactly one `release`. */
  async acquire(bounds: WaitBounds): Promise<Grant> {
    const { clock, waiting_max } = this.#options;
    if (isOver(clock.now_ms(), bounds)) return "refused";
    if (this.#waiters.size === 0 && this.#in_flight < this.limit) {
      this.#in_flight += 1;
      return "granted";
    }
    if (this.#waiters.size >= (waiting_max ?? WAITING_MAX)) return "refused";
    const waiter = new Waiter();
    this.#waiters.add(waiter);
    waiter.arm(clock, bounds, () => this.#waiters.delete(waiter));
    return waiter.promise;
  }

  /** @param end undefined for a call that was not made; `latency_ms` means nothing then. */
  release(end: CallEnd | undefined, latency_ms: number): void {
    const now_ms = this.#options.clock.now_ms();
    if (end !== undefined) this.#aimd.ended({ end, latency_ms, now_ms, in_flight: this.#in_flight });
    this.#in_flight -= 1;
    for (const waiter of this.#waiters) {
      if (this.#in_flight >= this.limit) break;
      this.#waiters.delete(waiter);
      this.#in_flight += 1;
      waiter.end("granted");
    }
  }
}
