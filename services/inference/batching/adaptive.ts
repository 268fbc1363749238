/**
 * How large a batch may be now and how long its first member waits. Pure: latencies are arguments.
 *
 * Waiting: while nothing is in flight and few wait, a member waits for nobody; while calls are in flight it may wait for others,
 * since the endpoint is busy anyway (the idea of Nagle's algorithm, RFC 896).
 *
 * Size: additive increase, multiplicative decrease, which comes to a fair and efficient point from wherever it starts (Chiu & Jain,
 * "Analysis of the increase and decrease algorithms for congestion avoidance", 1989); applied to batches under a latency objective
 * as in Clipper (Crankshaw et al., NSDI 2017, §4.3.1). A decrease gentler than TCP's half: latency grows steadily with the
 * size of a batch, so the best size moves little.
 */
import type { BatchingSettings } from "../../../libs/shared/config/inference.ts";

/** The first size in force, as a part of `size_max`: enough to be useful, little enough to be harmless. */
const FIRST_PART = 1 / 4;
/** What a full batch within the target adds, as a part of `size_max`; 1 at the least. */
const INCREASE_PART = 1 / 16;
const DECREASE_FACTOR = 0.75;

/** What is in force for the batches that collect. */
export type Pace = {
  /** Members at the most, 1 to `size_max`. */
  readonly size: number;
  /** How long the first one waits. 0: to the end of this tick, so that those that came together go together. */
  readonly wait_ms: number;
};

/** A batch in flight, as it was when it left. */
export type SentBatch = { readonly members: number; readonly full: boolean; readonly round: number };

export type AdaptiveSettings = Pick<BatchingSettings, "size_max" | "latency_target_ms"> & { readonly wait_ms: number };

export class AdaptiveSize {
  readonly #settings: AdaptiveSettings;
  readonly #fixed: boolean;
  #size: number;
  #round = 0;
  #in_flight = 0;

  /** @param sizing `fixed`: always `size_max`; for members whose calls are made one by one, so that size does not slow them. */
  constructor(settings: AdaptiveSettings, sizing: "adaptive" | "fixed" = "adaptive") {
    this.#settings = settings;
    this.#fixed = sizing === "fixed";
    this.#size = this.#fixed ? settings.size_max : Math.max(1, settings.size_max * FIRST_PART);
  }

  /** Batches that left and have not ended. */
  get in_flight(): number {
    return this.#in_flight;
  }

  /** @param waiting members that have not left, over all batches. */
  pace(waiting: number): Pace {
    const size = Math.floor(this.#size);
    const idle = this.#in_flight === 0 && waiting <= size;
    return { size, wait_ms: idle ? 0 : this.#settings.wait_ms };
  }

  /** A batch leaves. */
  sent(members: number): SentBatch {
    this.#in_flight += 1;
    return { members, full: members >= Math.floor(this.#size), round: this.#round };
  }

  /**
   * A batch ended. What left before the size last changed says nothing of the size now: each round of batches changes it once.
   * @param latency_ms of its call to the model, without waits for a permit.
   */
  ended(batch: SentBatch, latency_ms: number, succeeded: boolean): void {
    this.#in_flight -= 1;
    if (this.#fixed || batch.round !== this.#round) return;
    const { size_max, latency_target_ms } = this.#settings;
    if (latency_ms > latency_target_ms) {
      // A batch of one that is slow says that the endpoint is slow, not that batches are too large.
      if (batch.members > 1) this.#change(this.#size * DECREASE_FACTOR);
    } else if (succeeded && batch.full) {
      this.#change(this.#size + Math.max(1, size_max * INCREASE_PART));
    }
  }

  #change(size: number): void {
    this.#size = Math.min(this.#settings.size_max, Math.max(1, size));
    this.#round += 1;
  }
}
