/**
 * What runs next. Pure: records in, runnable records out; the engine does the running.
 *
 * Work that must stay in order shares a *line*: one batch of a line runs at a time, the rest waits behind it. The order says what
 * a line is: `key` (one record key, one record a batch), `partition` (one partition, many records a batch), or `fetch` (no lines:
 * everything goes out in the order it came).
 *
 * - Lanes are served by weighted round robin, so that a full batch lane never stands in front of the interactive one and is
 *   never starved by it either.
 */
import { Deque } from "./deque.ts";
import { type InRecord, partitionId } from "./ports.ts";

export type LaneName = "interactive" | "batch";

export type Task = {
  readonly record: InRecord;
  readonly lane: LaneName;
  readonly bytes: number;
};

export type SchedulerOptions = {
  readonly order: "key" | "partition" | "fetch";
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
  /** Tasks waiting behind one of their line that is ready or in flight. A line is here while it is busy. */
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
    const line = this.#lineOf(task);
    const behind = line === undefined ? undefined : this.#behind.get(line);
    if (behind !== undefined) {
      behind.push(task);
      return;
    }
    if (line !== undefined) this.#behind.set(line, new Deque());
    this.#lanes[task.lane].ready.push(task);
  }

  /**
   * Takes the next runnable batch, empty when all that is held waits in its line. At least one task comes out, then more until a
   * bound is met: from the same line with `partition`, from whatever is ready otherwise.
   */
  take(records_max: number, bytes_max: number): Task[] {
    const batch: Task[] = [];
    let bytes = 0;
    while (batch.length < records_max && bytes < bytes_max) {
      const task = this.#next(batch[0]);
      if (task === undefined) break;
      this.#forget(task);
      batch.push(task);
      bytes += task.bytes;
    }
    return batch;
  }

  /** A batch that `take` gave has ended: the next of its lines may run. */
  release(batch: readonly Task[]): void {
    for (const line of new Set(batch.map((task) => this.#lineOf(task)))) {
      if (line === undefined) continue;
      const follower = this.#behind.get(line)?.shift();
      if (follower === undefined) this.#behind.delete(line);
      else this.#lanes[follower.lane].ready.push(follower);
    }
  }

  #next(first: Task | undefined): Task | undefined {
    if (first === undefined || this.#options.order !== "partition") return this.#nextLane()?.ready.shift();
    return this.#behind.get(this.#lineOf(first) ?? "")?.shift();
  }

  /** Forgets queued tasks that fail the test (their partition went elsewhere). Batches in flight still end with `release`. */
  retain(keep: (task: Task) => boolean): void {
    // Those behind first, so that what `release` promotes below is already known to stay.
    for (const behind of this.#behind.values()) {
      for (const removed of behind.retain(keep)) this.#forget(removed);
    }
    for (const name of LANES) {
      for (const removed of this.#lanes[name].ready.retain(keep)) {
        this.#forget(removed);
        this.release([removed]);
      }
    }
  }

  #forget(task: Task): void {
    this.#queued -= 1;
    this.#queued_bytes -= task.bytes;
    this.#lanes[task.lane].queued -= 1;
  }

  #lineOf({ record }: Task): string | undefined {
    const { order } = this.#options;
    if (order === "partition") return partitionId(record);
    if (order === "fetch" || record.key === null) return undefined;
    return `${partitionId(record)}/${record.key.toString("latin1")}`;
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
