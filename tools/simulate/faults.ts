/**
 * What goes wrong, and how often. Each seed draws its own mixture, and many draw none of a kind (swarm testing: Groce et al.,
 * "Swarm Testing", ISSTA 2012), so that one loud fault does not hide what a quiet one would find. After `calm_at_ms` nothing
 * goes wrong any more and the run must come to rest.
 */
import type { Clock } from "../../libs/shared/clock.ts";
import type { Random } from "./random.ts";

export type Fate = "ok" | "crash_before" | "crash_after" | "lost_request" | "lost_response" | "late_request";

export type FaultRates = {
  readonly crash: number;
  readonly lost_request: number;
  readonly lost_response: number;
  readonly late_request: number;
  /** The usual one-way time of a request, and how often one takes up to 100 times as long. */
  readonly latency_ms: number;
  readonly slow: number;
  /** How often a consumer, about to fetch, falls silent for ever instead. */
  readonly silence: number;
};

/** Draws a mixture: each kind is absent in half of the runs. */
function drawRates(random: Random): FaultRates {
  const rate = (most: number): number => (random.chance(0.5) ? 0 : random.next() * most);
  return {
    crash: rate(0.006),
    lost_request: rate(0.03),
    lost_response: rate(0.03),
    late_request: rate(0.03),
    latency_ms: random.int(1, 10),
    slow: rate(0.05),
    silence: rate(0.02),
  };
}

export class Faults {
  readonly rates: FaultRates;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #calm_at_ms: number;

  constructor(options: { random: Random; clock: Clock; calm_at_ms: number; rates?: FaultRates }) {
    this.#random = options.random;
    this.#clock = options.clock;
    this.#calm_at_ms = options.calm_at_ms;
    this.rates = options.rates ?? drawRates(options.random);
  }

  get calm(): boolean {
    return this.#clock.now_ms() >= this.#calm_at_ms;
  }

  /** What becomes of one request. */
  fate(): Fate {
    if (this.calm) return "ok";
    const { crash, lost_request, lost_response, late_request } = this.rates;
    let draw = this.#random.next();
    const falls = (probability: number): boolean => {
      draw -= probability;
      return draw < 0;
    };
    if (falls(crash / 2)) return "crash_before";
    if (falls(crash / 2)) return "crash_after";
    if (falls(lost_request)) return "lost_request";
    if (falls(lost_response)) return "lost_response";
    if (falls(late_request)) return "late_request";
    return "ok";
  }

  fallsSilent(): boolean {
    return !this.calm && this.#random.chance(this.rates.silence);
  }

  latency_ms(): number {
    const { latency_ms, slow } = this.rates;
    const usual_ms = this.#random.next() * 2 * latency_ms;
    return !this.calm && this.#random.chance(slow) ? usual_ms * this.#random.int(10, 100) : usual_ms;
  }

  /** How long a caller waits before it gives an answer up. */
  timeout_ms(): number {
    return this.#random.int(50, 500);
  }

  /** When a request that was given up arrives all the same. */
  late_ms(): number {
    return this.#random.int(50, 3_000);
  }
}
