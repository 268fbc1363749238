/**
 * How an endpoint is, from the calls made to it and from probes. Pure.
 *
 * Calls: over the last `window_calls`, failures alone make it unhealthy; failures and 429s together make it degraded, never worse.
 * Hysteresis: it turns healthy again only below half the ratio that degraded it. Refusals of a request itself are good calls.
 * Probes: some good ones in a row lift an unhealthy endpoint to degraded, where real calls decide; some bad ones in a row make any
 * endpoint unhealthy. A good probe never makes an endpoint healthy: a list of models proves no answer.
 */
import type { HealthSettings } from "../../../libs/shared/config/inference.ts";
import type { CallEnd } from "../backend.ts";

export type Health = "healthy" | "degraded" | "unhealthy";
export type HealthChange = { readonly from: Health; readonly to: Health };

type Thresholds = Pick<HealthSettings, "window_calls" | "degraded_error_ratio" | "unhealthy_error_ratio">;
type Outcome = "good" | "strained" | "bad";

/** Fewer calls than this say nothing. */
export const CALLS_MIN = 5;
/** Probes in a row that change an endpoint's state. */
const PROBES_IN_A_ROW = 2;

export class EndpointHealth {
  readonly #thresholds: Thresholds;
  /** A ring of the last outcomes; `#next` is the oldest once it is full. */
  readonly #outcomes: Outcome[] = [];
  readonly #counts = { good: 0, strained: 0, bad: 0 };
  #next = 0;
  #state: Health = "healthy";
  #known = false;
  #probes_good = 0;
  #probes_bad = 0;

  constructor(thresholds: Thresholds) {
    this.#thresholds = thresholds;
  }

  get state(): Health {
    return this.#state;
  }

  /** False until the first call or probe: taken for healthy on trust. */
  get known(): boolean {
    return this.#known;
  }

  /** Failed calls among those of the window, 0 to 1. */
  get error_ratio(): number {
    return this.#outcomes.length === 0 ? 0 : this.#counts.bad / this.#outcomes.length;
  }

  /** A call has ended. Calls given up by us and refused keys say nothing of health. */
  called(end: CallEnd): HealthChange | undefined {
    if (end === "aborted" || end === "key_refused") return undefined;
    this.#known = true;
    this.#push(end === "answered" ? "good" : end === "overloaded" ? "strained" : "bad");
    if (end === "answered") this.#probes_bad = 0;
    return this.#turn(this.#judged());
  }

  /** A probe has ended. */
  probed(ok: boolean): HealthChange | undefined {
    this.#known = true;
    this.#probes_good = ok ? this.#probes_good + 1 : 0;
    this.#probes_bad = ok ? 0 : this.#probes_bad + 1;
    if (this.#state === "unhealthy" && this.#probes_good >= PROBES_IN_A_ROW) return this.#turn("degraded");
    if (this.#probes_bad >= PROBES_IN_A_ROW) return this.#turn("unhealthy");
    return undefined;
  }

  #judged(): Health {
    const calls = this.#outcomes.length;
    const { window_calls, degraded_error_ratio, unhealthy_error_ratio } = this.#thresholds;
    if (calls < Math.min(CALLS_MIN, window_calls)) return this.#state;
    const strained_ratio = (this.#counts.bad + this.#counts.strained) / calls;
    const healthy = strained_ratio < degraded_error_ratio / 2;
    if (this.error_ratio >= unhealthy_error_ratio) return "unhealthy";
    if (this.#state === "healthy") return strained_ratio >= degraded_error_ratio ? "degraded" : "healthy";
    if (this.#state === "degraded") return healthy ? "healthy" : "degraded";
    return this.error_ratio < unhealthy_error_ratio / 2 ? "degraded" : "unhealthy";
  }

  /** An endpoint that was unhealthy begins anew: what happened before it fell ill says nothing of it now. */
  #turn(to: Health): HealthChange | undefined {
    const from = this.#state;
    if (from === to) return undefined;
    this.#state = to;
    this.#probes_good = 0;
    if (from === "unhealthy") this.#forget();
    return { from, to };
  }

  #push(outcome: Outcome): void {
    const oldest = this.#outcomes.length < this.#thresholds.window_calls ? undefined : this.#outcomes[this.#next];
    if (oldest !== undefined) this.#counts[oldest] -= 1;
    this.#outcomes[this.#next] = outcome;
    this.#counts[outcome] += 1;
    this.#next = (this.#next + 1) % this.#thresholds.window_calls;
  }

  #forget(): void {
    this.#outcomes.length = 0;
    this.#next = 0;
    this.#counts.good = 0;
    this.#counts.strained = 0;
    this.#counts.bad = 0;
  }
}
