/**
 * What runs next. Pure: records in, runnable records out; the engine does the running.
 *
 * - Records of one key (within a topic) run one after the other, in offset order, when `order` is `key`; with `order: fetch`
 *   everything runs in the order it came, for handlers that take batches.
 * - Lanes are served by weighted round robin, so that a full batch lane never stands in front of the interactive one and is
 *   never starved by it either.
 */
import { Deque } from "./deque.ts";
import type { InRecord } from "./ports.ts";

export type LaneName = "interactive" | "batch";

export type Task = {
  readonly record: InRecord;
  readonly lane: LaneName;
  readonly bytes: number;
};

export type SchedulerOptions = {
  readonly order: "key" | "fetch";
  /** Turns that a lane gets while the other waits too. */
  readonly lane_weights: Readonly<Record<LaneName, number>>;
};

type Lane = { readonly ready: Deque<Task>; credit: number; queued: number };

const LANES: readonly LaneName[] = ["interactive", "batch"];

export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #lanes: Readonly<Record<LaneName, Lane>> = {
    interactive: { ready: new Deque(), credit: 0, queued: 0 },
    batch: { ready: new Deque(), credit: 0, queued: 0 },
  };
  /** Tasks waiting behind one of their key that is ready or in flight. A key is here while it is busy. */
  readonly #behind = new Map<string, Deque<Task>>();
  #queued = 0;
  #queued_bytes = 0;

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  /** Records held and not yet running. */
  get queued(): number {
    return this.#queued;
  }

  get queued_bytes(): number {
    return this.#queued_bytes;
  }

  queuedIn(lane: LaneName): number {
    return this.#lanes[lane].queued;
  }

  add(task: Task): void {
    this.#queued += 1;
    this.#queued_bytes += task.bytes;
    this.#lanes[task.lane].queued += 1;
    const key = this.#keyOf(task);
    if (key === undefined) {
      this.#lanes[task.lane].ready.push(task);
      return;
    }
    const behind = this.#behind.get(key);
    if (behind !== undefined) {
      behind.push(task);
      return;
    }
    this.#behind.set(key, new Deque());
    this.#lanes[task.lane].ready.push(task);
  }

  /** Takes the next runnable task, or undefined when all that is held waits behind its key. */
  next(): Task | undefined {
    const lane = this.#nextLane();
    const task = lane?.ready.shift();
    if (lane === undefined || task === undefined) return undefined;
    lane.queued -= 1;
    this.#queued -= 1;
    this.#queued_bytes -= task.bytes;
    return task;
  }

  /** A task that `next` gave has ended: the next one of its key may run. */
  done(task: Task): void {
    const key = this.#keyOf(task);
    if (key === undefined) return;
    const follower = this.#behind.get(key)?.shift();
    if (follower === undefined) this.#behind.delete(key);
    else this.#lanes[follower.lane].ready.push(follower);
  }

  /** Forgets queued tasks that fail the test (their partition went elsewhere). Tasks in flight still end with `done`. */
  retain(keep: (task: Task) => boolean): void {
    // Those behind first, so that what `done` promotes below is already known to stay.
    for (const behind of this.#behind.values()) {
      for (const removed of behind.retain(keep)) this.#forget(removed);
    }
    for (const name of LANES) {
      for (const removed of this.#lanes[name].ready.retain(keep)) {
        this.#forget(removed);
        this.done(removed);
      }
    }
  }

  #forget(task: Task): void {
    this.#queued -= 1;
    this.#queued_bytes -= task.bytes;
    this.#lanes[task.lane].queued -= 1;
  }

  #keyOf(task: Task): string | undefined {
    if (this.#options.order === "fetch" || task.record.key === null) return undefined;
    return `${task.record.topic}/${task.record.partition}/${task.record.key.toString("latin1")}`;
  }

  #nextLane(): Lane | undefined {
    const { interactive, batch } = this.#lanes;
    if (interactive.ready.length === 0) return batch.ready.length === 0 ? undefined : batch;
    if (batch.ready.length === 0) return interactive;
    if (interactive.credit <= 0 && batch.credit <= 0) {
      interactive.credit = this.#options.lane_weights.interactive;
      batch.credit = this.#options.lane_weights.batch;
    }
    const lane = interactive.credit > 0 ? interactive : batch;
    lane.credit -= 1;
    return lane;
  }
}
