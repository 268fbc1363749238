/** Pauses the topics of lanes that are full and resumes those that are half empty again (I6). */
import type { ConsumerPort } from "./ports.ts";
import { LANES, type LaneName } from "./scheduler.ts";

export type IntakeOptions = {
  readonly consumer: ConsumerPort;
  /** Every topic consumed, with its lane. */
  readonly topics: Readonly<Record<string, LaneName>>;
  /** 1 or more: the lane takes nothing in; a half or less: it does again. */
  readonly fill: (lane: LaneName) => number;
};

export class Intake {
  readonly #options: IntakeOptions;
  readonly #paused = new Set<LaneName>();
  #closed = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** To be called whenever something was taken in or done. */
  relieve(): void {
    if (this.#closed) return;
    const { consumer, topics, fill } = this.#options;
    for (const lane of LANES) {
      const of_lane = Object.keys(topics).filter((topic) => topics[topic] === lane);
      if (of_lane.length === 0) continue;
      const full = fill(lane);
      if (full >= 1 && !this.#paused.has(lane)) {
        this.#paused.add(lane);
        consumer.pause(of_lane);
      } else if (full <= 0.5 && this.#paused.has(lane)) {
        this.#paused.delete(lane);
        consumer.resume(of_lane);
      }
    }
  }

  /** Takes nothing in any more. */
  close(): void {
    this.#closed = true;
    this.#options.consumer.pause(Object.keys(this.#options.topics));
  }
}
