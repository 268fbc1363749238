/**
 * How many calls an endpoint bears at once, learned from how its calls end. Pure but for its own numbers.
 *
 * Additive increase, multiplicative decrease (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
 * Avoidance in Computer Networks", 1989): it starts at the most; a refusal or failure multiplies the limit by `decrease`; a limit's worth
 * of successes adds 1. Calls that were sent before the last decrease tell nothing about the limit since: a burst of refusals counts once.
 *
 * Latency of a model varies with what it writes, so no single call counts as slow. The median of WINDOW calls is compared with the
 * usual one, a slow average of such medians: it follows lasting change (other prompts, another model), and overload stands out before it does.
 */
import type { ConcurrencySettings } from "../../../libs/shared/config/inference.ts";
import type { CallEnd } from "../backend.ts";

/** Calls whose median is looked at together. */
const WINDOW = 16;
/** How fast the usual latency follows a window that is slower, and one that is faster. */
const FOLLOW_UP = 0.05;
const FOLLOW_DOWN = 0.3;

export type EndedCall = {
  readonly end: CallEnd;
  readonly latency_ms: number;
  /** When it ended, and how many were in flight then, this one included. */
  readonly now_ms: number;
  readonly in_flight: number;
};

export class AimdLimit {
  readonly #settings: ConcurrencySettings;
  readonly #min: number;
  readonly #max: number;
  #limit: number;
  #decreased_ms = Number.NEGATIVE_INFINITY;
  #latencies_ms: number[] = [];
  #usual_ms: number | undefined;

  /** @param max the tier's `in_flight_max`. */
  constructor(settings: ConcurrencySettings, max: number) {
    this.#settings = settings;
    this.#max = max;
    this.#min = Math.min(settings.min, max);
    this.#limit = max;
  }

  /** Whole calls, from the settings' `min` to the tier's most. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  ended({ end, latency_ms, now_ms, in_flight }: EndedCall): void {
    if (end === "aborted" || end === "key_refused") return;
    if (now_ms - latency_ms < this.#decreased_ms) return;
    if (end !== "answered" || this.#isSlow(latency_ms)) this.#decrease(now_ms);
    // Successes far below the limit do not show that more would pass.
    else if (in_flight * 2 >= this.#limit) this.#limit = Math.min(this.#max, this.#limit + 1 / this.#limit);
  }

  #decrease(now_ms: number): void {
    this.#decreased_ms = now_ms;
    this.#latencies_ms = [];
    this.#limit = Math.max(this.#min, this.#limit * this.#settings.decrease);
  }

  /** True when this call completes a window that is far slower than usual. */
  #isSlow(latency_ms: number): boolean {
    this.#latencies_ms.push(latency_ms);
    if (this.#latencies_ms.length < WINDOW) return false;
    const median_ms = this.#latencies_ms.toSorted((one, other) => one - other)[WINDOW / 2] as number;
    this.#latencies_ms = [];
    const usual_ms = this.#usual_ms ?? median_ms;
    this.#usual_ms = usual_ms + (median_ms - usual_ms) * (median_ms > usual_ms ? FOLLOW_UP : FOLLOW_DOWN);
    return median_ms > usual_ms * this.#settings.latency_factor;
  }
}
