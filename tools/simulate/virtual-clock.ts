/**
 * Virtual time: events in a heap, run one after the other, each to the end of all promises it settled. Events of the same
 * moment run in the order they were asked for, so a run is a pure function of its seed.
 */
import type { Clock, Timer } from "../../libs/shared/clock.ts";

type Event = { readonly at_ms: number; readonly order: number; task: (() => void) | undefined };

/** 2026-01-01T00:00:00Z: a fixed start, so that dates in records are the same in every run. */
export const START_MS = 1_767_225_600_000;

/** When the runs of the simulation start: a day, a month and a year end while all goes on. */
export const RUN_START_MS = START_MS - 20_000;

export class VirtualClock implements Clock {
  readonly #heap: Event[] = [];
  #now_ms: number;
  #order = 0;
  #events = 0;

  constructor(start_ms: number = START_MS) {
    this.#now_ms = start_ms;
  }

  now_ms(): number {
    return this.#now_ms;
  }

  /** Events run so far. */
  get events(): number {
    return this.#events;
  }

  after(delay_ms: number, task: () => void): Timer {
    const event: Event = { at_ms: this.#now_ms + Math.max(0, delay_ms), order: this.#order, task };
    this.#order += 1;
    this.#push(event);
    return {
      cancel: () => {
        event.task = undefined;
      },
    };
  }

  /**
   * Runs events until `done()` or until virtual time passes `limit_ms` (epoch ms).
   * @returns false when the limit came first, or nothing was left to run.
   */
  run(done: () => boolean, limit_ms: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          const ended = this.#turn(done, limit_ms);
          if (ended !== undefined) resolve(ended);
          // The next turn of the real event loop starts only after every microtask of this one.
          else setImmediate(turn);
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(turn);
    });
  }

  /** Runs one event. @returns how the run ended, if it did. */
  #turn(done: () => boolean, limit_ms: number): boolean | undefined {
    if (done()) return true;
    if ((this.#heap[0]?.at_ms ?? Number.POSITIVE_INFINITY) > limit_ms) return false;
    const event = this.#pop();
    if (event === undefined) return false;
    this.#now_ms = event.at_ms;
    this.#events += 1;
    event.task?.();
    return undefined;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    for (;;) {
      const top = heap[0];
      const last = heap.pop();
      if (top === undefined || last === undefined) return undefined;
      if (heap.length > 0) {
        heap[0] = last;
        this.#sink();
      }
      if (top.task !== undefined) return top;
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Event;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #sink(): void {
    const heap = this.#heap;
    const event = heap[0] as Event;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1] as Event, heap[below] as Event)) below += 1;
      const child = heap[below] as Event;
      if (!isBefore(child, event)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = event;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at_ms < other.at_ms || (one.at_ms === other.at_ms && one.order < other.order);
}
