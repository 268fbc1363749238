/**
 * Lag-only scaling, as KEDA's Kafka scaler with Kubernetes' HorizontalPodAutoscaler does it: ceil(lag / lagThreshold) every 15 s, no more than
 * partitions, nothing within a tolerance of 10 %, and the behaviour's policies and stabilisation (Kubernetes docs, "Horizontal Pod Autoscaling";
 * KEDA docs, "Apache Kafka"). Pure.
 */
import type { FleetView } from "./fleet.ts";

export type Pace = {
  /** Up by at most the greater of so many and so much of what is there, within a period. */
  readonly up: number;
  readonly up_part: number;
  readonly up_period_ms: number;
  readonly down: number;
  readonly down_part: number;
  readonly down_period_ms: number;
  /** It goes down to no less than was wanted within this time. */
  readonly stabilisation_ms: number;
};

/** Of Kubernetes, where nothing else is set. */
export const DEFAULT_PACE: Pace = {
  up: 4,
  up_part: 1,
  up_period_ms: 15_000,
  down: 0,
  down_part: 1,
  down_period_ms: 15_000,
  stabilisation_ms: 300_000,
};

/** The same steps as our policy's: +2 in 60 s, -1 in 300 s. */
export const SAME_PACE: Pace = {
  up: 2,
  up_part: 0,
  up_period_ms: 60_000,
  down: 1,
  down_part: 0,
  down_period_ms: 300_000,
  stabilisation_ms: 300_000,
};

export type LagOptions = {
  readonly lag_threshold: number;
  readonly min: number;
  readonly max: number;
  readonly pace: Pace;
};

const TOLERANCE = 0.1;

export class LagScaler {
  readonly every_ms = 15_000;
  readonly #options: LagOptions;
  /** What was wanted, and what changed, as far back as it matters. */
  #wanted: { readonly at_ms: number; readonly replicas: number }[] = [];
  #changes: { readonly at_ms: number; readonly by: number }[] = [];
  #replicas: number;

  constructor(options: LagOptions, replicas: number) {
    this.#options = options;
    this.#replicas = clamp(replicas, options);
  }

  decide({ lag }: FleetView, now_ms: number): number {
    const { lag_threshold, pace } = this.#options;
    const before = this.#replicas;
    const ratio = lag / (lag_threshold * Math.max(1, before));
    const asked = Math.abs(1 - ratio) <= TOLERANCE ? before : Math.ceil(lag / lag_threshold);
    const wanted = clamp(asked, this.#options);
    this.#wanted = [
      ...this.#wanted.filter(({ at_ms }) => at_ms > now_ms - pace.stabilisation_ms),
      { at_ms: now_ms, replicas: wanted },
    ];
    const stable = Math.max(...this.#wanted.map(({ replicas }) => replicas));
    const after = wanted > before ? this.#up(wanted, now_ms) : stable < before ? this.#down(stable, now_ms) : before;
    if (after !== before) this.#changes.push({ at_ms: now_ms, by: after - before });
    const longest_ms = Math.max(pace.up_period_ms, pace.down_period_ms);
    this.#changes = this.#changes.filter(({ at_ms }) => at_ms > now_ms - longest_ms);
    this.#replicas = after;
    return after;
  }

  #up(wanted: number, now_ms: number): number {
    const { up, up_part, up_period_ms } = this.#options.pace;
    const began = this.#replicas - this.#changed(1, now_ms - up_period_ms);
    return Math.max(this.#replicas, Math.min(wanted, began + Math.max(up, Math.ceil(began * up_part))));
  }

  #down(wanted: number, now_ms: number): number {
    const { down, down_part, down_period_ms } = this.#options.pace;
    const began = this.#replicas + this.#changed(-1, now_ms - down_period_ms);
    return Math.min(this.#replicas, Math.max(wanted, began - Math.max(down, Math.floor(began * down_part))));
  }

  /** By how many it went that way since. */
  #changed(way: 1 | -1, since_ms: number): number {
    return this.#changes.reduce((sum, { at_ms, by }) => sum + (at_ms > since_ms && by * way > 0 ? by * way : 0), 0);
  }
}

function clamp(replicas: number, { min, max }: LagOptions): number {
  return Math.max(min, Math.min(max, replicas));
}
