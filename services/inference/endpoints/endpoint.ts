/** One endpoint of a tier as its pool sees it: keys, health, latency, breaker and concurrency under one name. */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { BreakerSettings, HealthSettings } from "../../../libs/shared/config/inference.ts";
import type { CallEnd, CallReport } from "../backend.ts";
import type { ModelClient } from "../model-client.ts";
import { type Breaker, type BreakerCall, type BreakerOutcome, type BreakerState, createBreaker } from "./breaker.ts";
import { EndpointHealth, type Health, type HealthChange } from "./health.ts";
import { Keys } from "./keys.ts";
import { ewmaAt_ms, type Latency, observed } from "./latency.ts";
import type { Standing } from "./places.ts";
import type { Concurrency } from "./ports.ts";
import { restAfter } from "./rest.ts";

/** For logs and metrics. */
export type EndpointChange =
  | ({ readonly what: "health" } & HealthChange)
  | { readonly what: "breaker"; readonly from: BreakerState; readonly to: BreakerState }
  /** The provider refused the key with this place in the settings, from 0. */
  | { readonly what: "key_refused"; readonly key: number };

export type EndpointView = {
  readonly name: string;
  readonly weight: number;
  readonly health: Health;
  readonly breaker: BreakerState;
  readonly in_flight: number;
  readonly limit: number;
  /** Undefined before the first call. */
  readonly ewma_ms: number | undefined;
  /** Failed calls among the last `health.window_calls`. */
  readonly error_ratio: number;
  readonly keys: number;
  /** Keys that were not refused of late. */
  readonly keys_alive: number;
  /** How long the provider still wants to be left alone. */
  readonly resting_ms: number;
  /** Neither a call nor a probe has said yet how it is. */
  readonly unknown: boolean;
};

export type EndpointParts = {
  readonly name: string;
  readonly weight: number;
  /** One for each key, in the order of the settings. */
  readonly clients: readonly ModelClient[];
  readonly concurrency: Concurrency;
  readonly health: HealthSettings;
  readonly breaker: BreakerSettings;
  readonly clock: Clock;
  readonly onChange: (change: EndpointChange) => void;
};

/** A call that an endpoint let through. */
export type EndpointCall = { readonly key: number; readonly client: ModelClient; readonly breaker: BreakerCall };

/** A failure that comes at once, as of a refused connection, is no sign of speed. */
const FAILED_LATENCY_MS_MIN = 1_000;

export class Endpoint {
  readonly name: string;
  readonly concurrency: Concurrency;
  readonly #parts: EndpointParts;
  readonly #keys: Keys;
  readonly #health: EndpointHealth;
  readonly #breaker: Breaker;
  #latency: Latency | undefined;

  constructor(parts: EndpointParts) {
    this.name = parts.name;
    this.concurrency = parts.concurrency;
    this.#parts = parts;
    this.#keys = new Keys(parts.clients.length);
    this.#health = new EndpointHealth(parts.health);
    this.#breaker = createBreaker(parts.breaker, parts.clock, (from, to) => {
      parts.onChange({ what: "breaker", from, to });
    });
  }

  standing(now_ms: number): Standing & { readonly endpoint: Endpoint } {
    return {
      endpoint: this,
      name: this.name,
      weight: this.#parts.weight,
      in_flight: this.concurrency.in_flight,
      limit: this.concurrency.limit,
      ewma_ms: ewmaAt_ms(this.#latency, now_ms),
      error_ratio: this.#health.error_ratio,
      health: this.#keys.alive(now_ms) === 0 ? "unhealthy" : this.#health.state,
      admits: this.#breaker.allows(),
      resting_until_ms: this.#keys.readyAt_ms(now_ms),
    };
  }

  view(now_ms: number): EndpointView {
    const { name, weight, health, in_flight, limit, ewma_ms, error_ratio, resting_until_ms } = this.standing(now_ms);
    return {
      ...{ name, weight, health, in_flight, limit, ewma_ms, error_ratio },
      breaker: this.#breaker.state,
      keys: this.#keys.count,
      keys_alive: this.#keys.alive(now_ms),
      resting_ms: Math.max(0, resting_until_ms - now_ms),
      unknown: !this.#health.known,
    };
  }

  /** When time alone may make it usable again, in epoch ms; infinite when it is usable or waits for something else. */
  changesAt_ms(now_ms: number): number {
    const half_open_ms = this.#breaker.msUntilHalfOpen();
    const ready_ms = this.#keys.readyAt_ms(now_ms);
    const times_ms = [half_open_ms > 0 ? now_ms + half_open_ms : 0, ready_ms].filter((at_ms) => at_ms > now_ms);
    return Math.min(...times_ms);
  }

  /** Past the breaker. @returns undefined when it lets nothing through. */
  enter(): BreakerCall | undefined {
    return this.#breaker.begin();
  }

  /** The call goes out, with the key whose turn it is. */
  start(breaker: BreakerCall, now_ms: number): EndpointCall {
    const key = this.#keys.take(now_ms);
    return { key, client: this.#parts.clients[key] as ModelClient, breaker };
  }

  /** The call does not go out after all. */
  leave(breaker: BreakerCall): void {
    breaker.end("unknown");
    this.concurrency.release(undefined, 0);
  }

  /**
   * The call has ended.
   * @returns what the provider wants to rest, in ms; for the tier to keep when there is neither another key nor another endpoint.
   */
  ended(call: EndpointCall, report: CallReport, now_ms: number): number {
    call.breaker.end(BREAKER_OUTCOMES[report.end]);
    this.concurrency.release(report.end, report.latency_ms);
    this.#observe(report, now_ms);
    this.#tell(this.#health.called(report.end));
    if (report.end === "key_refused") {
      this.#keys.refused(call.key, now_ms);
      this.#parts.onChange({ what: "key_refused", key: call.key });
    }
    if (report.end === "answered") this.#keys.accepted(call.key);
    const rest = restAfter(report, this.#keys.count > 1);
    if (rest === undefined) return 0;
    if (rest.of === "key") this.#keys.rest(call.key, now_ms + rest.ms);
    else for (let key = 0; key < this.#keys.count; key += 1) this.#keys.rest(key, now_ms + rest.ms);
    return Math.max(0, this.#keys.readyAt_ms(now_ms) - now_ms);
  }

  probed(ok: boolean): void {
    this.#tell(this.#health.probed(ok));
  }

  /** Only an answer may lower the average; a call that was cut short took as long as it took, or longer. */
  #observe({ end, latency_ms }: CallReport, now_ms: number): void {
    if (end === "answered") this.#latency = observed(this.#latency, latency_ms, now_ms);
    else if (end === "failed" || end === "aborted") {
      const least_ms = end === "failed" ? Math.max(latency_ms, FAILED_LATENCY_MS_MIN) : latency_ms;
      const known_ms = ewmaAt_ms(this.#latency, now_ms) ?? 0;
      if (least_ms > known_ms) this.#latency = observed(this.#latency, least_ms, now_ms);
    }
  }

  #tell(change: HealthChange | undefined): void {
    if (change !== undefined) this.#parts.onChange({ what: "health", ...change });
  }
}

/** Whoever answers, whatever it answers, is there: only failures open the breaker. */
const BREAKER_OUTCOMES: Readonly<Record<CallEnd, BreakerOutcome>> = {
  answered: "ok",
  overloaded: "ok",
  key_refused: "ok",
  failed: "failed",
  aborted: "unknown",
};
