/**
 * The consumption engine: one loop owns every change of state, callbacks only enqueue.
 *
 *   fetch ─► tracker (is it new?) ─► scheduler (key order, lanes) ─► handler, bounded in flight ─► tracker ─► commit on a timer
 *
 * - The fetch loop is never held up: past a bound on records or bytes the lane's topics are paused (I6).
 * - An offset is committed only after everything the record caused is acknowledged (I2).
 * - Work that started under an earlier assignment ends without a trace in this one.
 * - A handler error that may pass is retried with back-off; any other is narrowed down to its record, which becomes one dead
 *   letter (I9).
 */
import type { BackoffPolicy } from "../backoff.ts";
import type { Clock, Timer } from "../clock.ts";
import { isRetryable } from "../errors.ts";
import type { Log } from "../log.ts";
import { untilAvailable } from "../retry.ts";
import { Assignment, type PartitionState } from "./assignment.ts";
import type { ConsumerPort, InRecord, PartitionOffset, TopicPartition } from "./ports.ts";
import { type LaneName, Scheduler, type Task } from "./scheduler.ts";

/**
 * Every so many commits all held partitions are committed again: a commit that timed out may arrive after a later one and set the
 * offset back, which nobody would correct on a partition that has gone quiet.
 */
const COMMIT_AGAIN_TICKS = 20;

export type HandlerContext = {
  /** False once the record's partition went to another member: its result would be another's to publish. */
  isAssigned(tp: TopicPartition): boolean;
  /**
   * Aborted when the engine drains. A handler that only waits then throws a retryable error: its work is given up unfinished and
   * delivered again. One that is in the middle of something ends it, within the drain's deadline.
   */
  readonly stopping: AbortSignal;
};

/** Does everything that the records cause and resolves when all of it is acknowledged. Must be safe to repeat. */
export type Handler = (records: readonly InRecord[], context: HandlerContext) => Promise<void>;

export type ConsumptionLimits = {
  /** Handler calls running at once. */
  readonly max_in_flight: number;
  /** Bytes being worked on before nothing more is started; one call may go past it. */
  readonly in_flight_bytes_max: number;
  /** Records given to one handler call. */
  readonly batch_records_max: number;
  readonly batch_bytes_max: number;
  /** Records of one lane held in memory before its topics are paused. */
  readonly queued_records_max: number;
  readonly queued_bytes_max: number;
  readonly commit_interval_ms: number;
  readonly retry: BackoffPolicy;
};

export type ConsumptionOptions = {
  readonly consumer: ConsumerPort;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** Every topic consumed, with its lane. */
  readonly topics: Readonly<Record<string, LaneName>>;
  readonly lane_weights: Readonly<Record<LaneName, number>>;
  readonly order: "key" | "partition" | "fetch";
  readonly limits: ConsumptionLimits;
  readonly handler: Handler;
  /** Writes one dead letter for a record that no retry can help. */
  readonly deadLetter: (record: InRecord, error: unknown) => Promise<void>;
  /** `handler`: offsets are committed by the handler itself, in its transaction. */
  readonly commit_by: "engine" | "handler";
  /** A fault planted for the simulation to find: offsets count as done when their work starts. */
  readonly plant_early_commit?: boolean;
  /** Told of partitions that are held no more. */
  readonly onLost?: (partitions: readonly TopicPartition[]) => void;
  /** Told of every new assignment, whole, after `onLost`. */
  readonly onAssigned?: (partitions: readonly TopicPartition[]) => void;
  /** Told of every offset that the engine committed: all below it is done. The same one may be told again. */
  readonly onCommitted?: (tp: TopicPartition, offset: number) => void;
};

type RunningTask = { readonly task: Task; readonly state: PartitionState };

export type ConsumptionStats = {
  readonly in_flight: number;
  readonly queued: number;
  readonly queued_bytes: number;
  /** Epoch ms of the oldest record not yet done, by topic. */
  readonly oldest_unfinished_ms: ReadonlyMap<string, number>;
};

/** One running consumption of a group's topics. */
export class Consumption {
  readonly #options: ConsumptionOptions;
  readonly #scheduler: Scheduler;
  readonly #assignment = new Assignment();
  readonly #states = new WeakMap<Task, PartitionState>();
  readonly #paused = new Set<LaneName>();
  readonly #context: HandlerContext;
  readonly #stopping = new AbortController();
  #ticks = 0;
  #calls = 0;
  #in_flight = 0;
  #in_flight_bytes = 0;
  #joined = false;
  #commit_timer: Timer | undefined;
  #committing: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(options: ConsumptionOptions) {
    this.#options = options;
    this.#scheduler = new Scheduler({ order: options.order, lane_weights: options.lane_weights });
    this.#context = { isAssigned: (tp) => this.#assignment.stateOf(tp) !== undefined, stopping: this.#stopping.signal };
  }

  async start(): Promise<void> {
    await this.#options.consumer.start({
      assigned: (partitions, retained) => this.#assigned(partitions, retained),
      crashed: () => {
        this.#joined = false;
      },
      rebalancing: () => void this.#commit(),
      records: (records) => this.#enqueue(records),
    });
    this.#scheduleCommit();
  }

  /** True while the group counts this member in, its share be it empty. */
  get joined(): boolean {
    return this.#joined;
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  stats(): ConsumptionStats {
    const { queued, queued_bytes } = this.#scheduler;
    const oldest_unfinished_ms = this.#assignment.oldestUnfinished_ms();
    return { in_flight: this.#in_flight, queued, queued_bytes, oldest_unfinished_ms };
  }

  /**
   * Takes nothing new, lets what is in flight end within `deadline_ms`, commits, and leaves the group.
   * @returns how many records were still in flight at the deadline; they will be delivered again.
   */
  async drain(deadline_ms: number): Promise<number> {
    this.#stopping.abort();
    this.#options.consumer.pause(Object.keys(this.#options.topics));
    this.#commit_timer?.cancel();
    if (this.#calls > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(deadline_ms, resolve);
        this.#idle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    await this.#commit();
    const unfinished = this.#in_flight;
    await this.#options.consumer.stop();
    this.#assignment.clear();
    return unfinished;
  }

  #assigned(partitions: readonly TopicPartition[], retained: readonly TopicPartition[]): void {
    this.#joined = true;
    const restores = this.#options.commit_by === "engine";
    const { gained, lost } = this.#assignment.change(partitions, retained, restores);
    this.#scheduler.retain((task) => this.#isCurrent(task));
    if (restores && gained.length > 0) void this.#restore(gained);
    if (lost.length > 0) this.#options.onLost?.(lost);
    this.#options.onAssigned?.(partitions);
    this.#relieve();
  }

  async #restore(states: readonly PartitionState[]): Promise<void> {
    const { consumer, log } = this.#options;
    let committed: PartitionOffset[] = [];
    try {
      await this.#retrying("committed offsets", async () => {
        committed = await consumer.committed(states.map(({ tp }) => tp));
      });
      this.#enqueue(this.#assignment.restore(states, committed));
    } catch (error) {
      // Only when the engine stops: what was not taken in is delivered again.
      log.debug({ error }, "committed offsets were not read");
    }
  }

  #enqueue(records: readonly InRecord[]): void {
    if (this.#stopped) return;
    for (const record of records) {
      const state = this.#assignment.stateOf(record);
      if (state?.early !== undefined) {
        state.early.push(record);
        continue;
      }
      if (!state?.tracker.add(record.offset, record.timestamp_ms)) continue;
      const lane = this.#options.topics[record.topic] ?? "interactive";
      const task: Task = { record, lane, bytes: (record.value?.length ?? 0) + 256 };
      this.#states.set(task, state);
      this.#scheduler.add(task);
    }
    this.#relieve();
    this.#pump();
  }

  #isCurrent(task: Task): boolean {
    const state = this.#states.get(task);
    return state !== undefined && this.#assignment.isCurrent(state);
  }

  /** 1 or more: the lane takes nothing in; below a half: it does again. */
  #fill(lane: LaneName): number {
    const { limits, topics } = this.#options;
    const { early, crowded } = this.#assignment.intake((topic) => topics[topic] === lane);
    if (crowded) return 1;
    return Math.max(
      (this.#scheduler.queuedIn(lane) + early) / limits.queued_records_max,
      this.#scheduler.queued_bytes / limits.queued_bytes_max,
    );
  }

  /** Pauses lanes that are full, resumes those that are half empty again. */
  #relieve(): void {
    const { topics, consumer } = this.#options;
    for (const lane of ["interactive", "batch"] as const) {
      const fill = this.#fill(lane);
      const of_lane = Object.keys(topics).filter((topic) => topics[topic] === lane);
      if (of_lane.length === 0) continue;
      if (fill >= 1 && !this.#paused.has(lane)) {
        this.#paused.add(lane);
        consumer.pause(of_lane);
      } else if (fill <= 0.5 && this.#paused.has(lane) && !this.#stopped) {
        this.#paused.delete(lane);
        consumer.resume(of_lane);
      }
    }
  }

  #pump(): void {
    const { max_in_flight, in_flight_bytes_max } = this.#options.limits;
    while (!this.#stopped && this.#calls < max_in_flight && this.#in_flight_bytes < in_flight_bytes_max) {
      const batch = this.#take();
      if (batch.length === 0) break;
      const bytes = batch.reduce((sum, { task }) => sum + task.bytes, 0);
      this.#calls += 1;
      this.#in_flight += batch.length;
      this.#in_flight_bytes += bytes;
      void this.#run(batch).finally(() => {
        this.#calls -= 1;
        this.#in_flight -= batch.length;
        this.#in_flight_bytes -= bytes;
        this.#relieve();
        this.#pump();
        if (this.#calls === 0) this.#idle?.();
      });
    }
  }

  #take(): RunningTask[] {
    const { batch_records_max, batch_bytes_max } = this.#options.limits;
    return this.#scheduler
      .take(batch_records_max, batch_bytes_max)
      .map((task) => ({ task, state: this.#states.get(task) as PartitionState }));
  }

  /** Runs one batch to its end. Never rejects. */
  async #run(batch: readonly RunningTask[]): Promise<void> {
    if (this.#options.plant_early_commit)
      for (const { task, state } of batch) state.tracker.complete(task.record.offset);
    const settled = await this.#handle(batch);
    for (const { task, state } of batch) {
      if (settled && !this.#options.plant_early_commit) state.tracker.complete(task.record.offset);
    }
    this.#scheduler.release(batch.map(({ task }) => task));
  }

  /** @returns false when the work was given up because the engine stops: it will be delivered again. */
  async #handle(batch: readonly RunningTask[]): Promise<boolean> {
    try {
      await this.#retrying("handler", async () => {
        const current = batch.filter(({ task }) => this.#isCurrent(task)).map(({ task }) => task.record);
        if (current.length > 0) await this.#options.handler(current, this.#context);
      });
      return true;
    } catch (error) {
      if (isRetryable(error)) return false;
      if (batch.length > 1) return this.#handleSingly(batch);
      return this.#bury(batch[0] as RunningTask, error);
    }
  }

  async #handleSingly(batch: readonly RunningTask[]): Promise<boolean> {
    let settled = true;
    for (const running of batch) {
      if (await this.#handle([running])) continue;
      settled = false;
      // Given up because the engine stops: a handler that moves the offset itself must not pass over this record (I2).
      if (this.#stopped) break;
    }
    return settled;
  }

  async #bury({ task }: RunningTask, error: unknown): Promise<boolean> {
    const { topic, partition, offset } = task.record;
    this.#options.log.error({ topic, partition, offset, error }, "a record could not be handled and is a dead letter");
    try {
      await this.#retrying("dead letter", () => this.#options.deadLetter(task.record, error));
      return true;
    } catch (cause) {
      this.#options.log.error({ topic, partition, offset, error: cause }, "the dead letter could not be written");
      return false;
    }
  }

  #retrying(what: string, work: () => Promise<void>): Promise<void> {
    const { clock, random, log, limits } = this.#options;
    return untilAvailable({ clock, random, log, policy: limits.retry }, what, work, () => this.#stopped);
  }

  #scheduleCommit(): void {
    if (this.#stopped || this.#options.commit_by === "handler") return;
    this.#commit_timer = this.#options.clock.after(this.#options.limits.commit_interval_ms, () => {
      this.#ticks += 1;
      void this.#commit(this.#ticks % COMMIT_AGAIN_TICKS === 0).finally(() => this.#scheduleCommit());
    });
  }

  /** @param again Says what was committed before once more. */
  async #commit(again = false): Promise<void> {
    if (this.#options.commit_by === "handler") return;
    while (this.#committing !== undefined) await this.#committing;
    const moved = this.#assignment.commits(again);
    if (moved.length === 0) return;
    this.#relieve();
    const offsets: PartitionOffset[] = moved.map(({ state, offset, metadata }) => ({ ...state.tp, offset, metadata }));
    this.#committing = this.#options.consumer
      .commit(offsets)
      .then(() => {
        for (const { state, ...commit } of moved) {
          state.tracker.committed(commit);
          this.#options.onCommitted?.(state.tp, commit.offset);
        }
      })
      .catch((error: unknown) => {
        this.#options.log.debug({ error }, "offsets were not committed; the next commit says more");
      })
      .finally(() => {
        this.#committing = undefined;
      });
    await this.#committing;
  }
}
