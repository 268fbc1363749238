/**
 * What runs next. Pure: records in, runnable records out; the engine does the running.
 *
 * Work that must stay in order shares a *line*. The order says what a line is, and when the next of it may go:
 * - `key`: one record key; the next goes when the one before is done;
 * - `partition`: one partition; a batch holds many of one line, the next goes when the batch is done;
 * - `fetch`: one record key; the next may go in the same batch. Order holds where batches run one after the other.
 *
 * What stands first in its line competes with the others:
 * - Lanes are served by weighted round robin, so that a full batch lane never stands in front of the interactive one and is
 *   never starved by it either.
 * - In a lane, tenants take turns by their weight (`FairQueue`); with `partition`, partitions do.
 * - Of one tenant, the earliest deadline comes first with `key` (Liu and Layland, "Scheduling Algorithms for Multiprogramming in a
 *   Hard-Real-Time Environment", JACM 1973); what has none comes after, and what is equal, in the order it arrived. With `fetch`
 *   arrival alone counts.
 */
import { Deque } from "./deque.ts";
import { FairQueue } from "./fair-queue.ts";
import { type InRecord, partitionId } from "./ports.ts";
import type { SchedulingHints } from "./scheduling-hints.ts";

export type LaneName = "interactive" | "batch";

export const LANES: readonly LaneName[] = ["interactive", "batch"];

const NO_LANES: ReadonlySet<LaneName> = new Set();

export type Task = SchedulingHints & {
  readonly record: InRecord;
  readonly lane: LaneName;
  readonly bytes: number;
  /** Rises from task to task. */
  readonly arrival: number;
  /** Set by the scheduler: another one of its line stood before it when it came. */
  was_behind?: boolean;
};

export type SchedulerOptions = {
  readonly order: "key" | "partition" | "fetch";
  /** Turns that a lane gets while the other waits too. */
  readonly lane_weights: Readonly<Record<LaneName, number>>;
  /** Turns that a tenant gets in a round, while others of its lane wait too; 1 where it is not given. */
  readonly tenant_weight?: (tenant: string) => number;
};

type Lane<T> = { readonly ready: FairQueue<T>; credit: number; queued: number; queued_bytes: number };

export class Scheduler<T extends Task = Task> {
  readonly #options: SchedulerOptions;
  readonly #lanes: Readonly<Record<LaneName, Lane<T>>>;
  /** Tasks waiting behind one of their line that is ready or in flight. A line is here while it is busy. */
  readonly #behind = new Map<string, Deque<T> | undefined>();

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#lanes = { interactive: this.#emptyLane(), batch: this.#emptyLane() };
  }

  /** Records held and not yet running. */
  get queued(): number {
    return LANES.reduce((sum, name) => sum + this.#lanes[name].queued, 0);
  }

  get queued_bytes(): number {
    return LANES.reduce((sum, name) => sum + this.#lanes[name].queued_bytes, 0);
  }

  queuedIn(lane: LaneName): { readonly records: number; readonly bytes: number } {
    const { queued, queued_bytes } = this.#lanes[lane];
    return { records: queued, bytes: queued_bytes };
  }

  add(task: T): void {
    const lane = this.#lanes[task.lane];
    lane.queued += 1;
    lane.queued_bytes += task.bytes;
    const line = this.#lineOf(task);
    if (line === undefined || !this.#behind.has(line)) {
      // Most lines never hold a second: those have no queue of their own.
      if (line !== undefined) this.#behind.set(line, undefined);
      this.#compete(task);
      return;
    }
    task.was_behind = true;
    const behind = this.#behind.get(line) ?? new Deque<T>();
    behind.push(task);
    this.#behind.set(line, behind);
  }

  /**
   * Takes the next runnable batch, empty when all that is held waits in its line. At least one task comes out, then more until a
   * bound is met: from the same line with `partition`, from whatever is ready otherwise.
   * @param closed lanes of which nothing is taken.
   */
  take(records_max: number, bytes_max: number, closed: ReadonlySet<LaneName> = NO_LANES): T[] {
    const batch: T[] = [];
    let bytes = 0;
    while (batch.length < records_max && bytes < bytes_max) {
      const task = this.#next(batch[0], closed);
      if (task === undefined) break;
      this.#forget(task);
      batch.push(task);
      bytes += task.bytes;
    }
    return batch;
  }

  /** A batch that `take` gave has ended: the next of its lines may run. */
  release(batch: readonly T[]): void {
    if (this.#options.order === "fetch") return;
    for (const line of new Set(batch.map((task) => this.#lineOf(task)))) this.#advance(line);
  }

  /** Forgets queued tasks that fail the test (their partition went elsewhere). Batches in flight still end with `release`. */
  retain(keep: (task: T) => boolean): void {
    // Those behind first, so that what moves up below is already known to stay.
    for (const behind of this.#behind.values()) {
      for (const removed of behind?.retain(keep) ?? []) this.#forget(removed);
    }
    for (const name of LANES) {
      for (const removed of this.#lanes[name].ready.retain(keep)) {
        this.#forget(removed);
        this.#advance(this.#lineOf(removed));
      }
    }
  }

  #emptyLane(): Lane<T> {
    const { order, tenant_weight } = this.#options;
    const ready = new FairQueue<T>({
      weightOf: (tenant) => (order === "partition" ? 1 : (tenant_weight?.(tenant) ?? 1)),
      isBefore: (one, other) =>
        order === "key" && one.deadline_ms !== other.deadline_ms
          ? one.deadline_ms < other.deadline_ms
          : one.arrival < other.arrival,
    });
    return { ready, credit: 0, queued: 0, queued_bytes: 0 };
  }

  /** The task stands first in its line. */
  #compete(task: T): void {
    const name = this.#options.order === "partition" ? partitionId(task.record) : task.tenant;
    this.#lanes[task.lane].ready.push(name, task);
  }

  /** The next of a line comes to its front; without one the line ends. */
  #advance(line: string | undefined): void {
    if (line === undefined) return;
    const follower = this.#behind.get(line)?.shift();
    if (follower === undefined) this.#behind.delete(line);
    else this.#compete(follower);
  }

  #next(first: T | undefined, closed: ReadonlySet<LaneName>): T | undefined {
    const { order } = this.#options;
    if (first !== undefined && order === "partition") return this.#behind.get(this.#lineOf(first) ?? "")?.shift();
    const task = this.#nextLane(closed)?.ready.shift();
    if (task !== undefined && order === "fetch") this.#advance(this.#lineOf(task));
    return task;
  }

  #forget(task: T): void {
    const lane = this.#lanes[task.lane];
    lane.queued -= 1;
    lane.queued_bytes -= task.bytes;
  }

  #lineOf({ record }: T): string | undefined {
    if (this.#options.order === "partition") return partitionId(record);
    return record.key === null ? undefined : `${partitionId(record)}/${record.key.toString("latin1")}`;
  }

  #nextLane(closed: ReadonlySet<LaneName>): Lane<T> | undefined {
    const { interactive, batch } = this.#lanes;
    const [one, other] = LANES.filter((name) => this.#lanes[name].ready.length > 0 && !closed.has(name));
    if (one === undefined || other === undefined) return one === undefined ? undefined : this.#lanes[one];
    if (interactive.credit <= 0 && batch.credit <= 0) {
      interactive.credit = this.#options.lane_weights.interactive;
      batch.credit = this.#options.lane_weights.batch;
    }
    const lane = interactive.credit > 0 ? interactive : batch;
    lane.credit -= 1;
    return lane;
  }
}
