/** Tasks that all run again and again, each once a turn, spread over the turn: one timer for any number of them. */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";

const SLOTS_MAX = 50;

export class LookWheel {
  readonly #clock: Clock;
  readonly #slot_ms: number;
  readonly #slots: readonly Set<() => void>[];
  #next_slot = 0;
  #position = 0;
  #tasks = 0;
  #timer: Timer | undefined;

  /** @param turn_ms the time between two runs of a task. */
  constructor(clock: Clock, turn_ms: number) {
    const slots = Math.max(1, Math.min(SLOTS_MAX, turn_ms));
    this.#clock = clock;
    this.#slot_ms = turn_ms / slots;
    this.#slots = Array.from({ length: slots }, () => new Set());
  }

  /** Runs it every turn, for the first time within one. @returns ends that. */
  add(run: () => void): () => void {
    // In turns, so that many which come together are not run together. A function of its own: the same `run` may be added twice.
    const slot = this.#slots[this.#next_slot] as Set<() => void>;
    this.#next_slot = (this.#next_slot + 1) % this.#slots.length;
    const task = (): void => run();
    slot.add(task);
    this.#tasks += 1;
    this.#schedule();
    return () => {
      if (slot.delete(task)) this.#tasks -= 1;
    };
  }

  /** Runs nothing any more. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const slot of this.#slots) slot.clear();
    this.#tasks = 0;
  }

  #schedule(): void {
    if (this.#tasks === 0 || this.#timer !== undefined) return;
    this.#timer = this.#clock.after(this.#slot_ms, () => {
      this.#timer = undefined;
      this.#position = (this.#position + 1) % this.#slots.length;
      // A copy: a task may end itself, or begin another.
      for (const task of [...(this.#slots[this.#position] ?? [])]) task();
      this.#schedule();
    });
  }
}
