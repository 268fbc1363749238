/**
 * The consumption engine: one loop owns every change of state, callbacks only enqueue.
 *
 *   fetch ─► tracker (is it new?) ─► scheduler (order, lanes, tenants) ─► handler, bounded in flight ─► tracker ─► commit on a timer
 *
 * - The fetch loop is never held up: past a bound on records or bytes the lane's topics are paused (I6).
 * - An offset is committed only after everything the record caused is acknowledged (I2).
 * - Work that started under an earlier assignment ends without a trace in this one.
 * - A handler error that may pass is retried with back-off; any other is narrowed down to its record, which becomes one dead
 *   letter (I9).
 * - A consumer that falls silent is started again, as after a crash.
 */
import type { Timer } from "../clock.ts";
import { untilAvailable } from "../retry.ts";
import { Assignment, type PartitionState } from "./assignment.ts";
import { BusyTime } from "./busy-time.ts";
import { Committer } from "./committer.ts";
import type { ConsumptionOptions } from "./consumption-options.ts";
import type { HandlerContext } from "./handler.ts";
import { Handling } from "./handling.ts";
import { InFlight } from "./in-flight.ts";
import { Intake } from "./intake.ts";
import type { InRecord, PartitionOffset, TopicPartition } from "./ports.ts";
import { heldBytes, QueueRoom, type RoomShare } from "./queue-room.ts";
import { LANES, type LaneName, Scheduler, type Task } from "./scheduler.ts";
import { schedulingHints } from "./scheduling-hints.ts";
import { lookEvery_ms, Watchdog } from "./watchdog.ts";

/** A task of the partition that it came from, as it was held then. */
type HeldTask = Task & { readonly state: PartitionState; readonly arrived_ms: number };

export type ConsumptionStats = {
  /** Records being worked on, and how many may be: calls at once times the records of one. */
  readonly in_flight: number;
  readonly in_flight_limit: number;
  /** What all records together were worked on, in ms: the integral of those in flight. */
  readonly busy_ms: number;
  /** Records whose work ended. */
  readonly done: number;
  readonly queued: number;
  readonly queued_bytes: number;
  /** Epoch ms of the oldest record not yet done, by topic. */
  readonly oldest_unfinished_ms: ReadonlyMap<string, number>;
  /** Offsets that are not done, up to the end last seen, by topic. */
  readonly lag: ReadonlyMap<string, number>;
  /** Held by this member. */
  readonly partitions: number;
  /** How often the consumer was started again because it was silent. */
  readonly restarts: number;
};

/** One running consumption of a group's topics. */
export class Consumption {
  readonly #options: ConsumptionOptions;
  readonly #scheduler: Scheduler<HeldTask>;
  readonly #assignment = new Assignment();
  readonly #shares: ReadonlyMap<LaneName, RoomShare>;
  readonly #intake: Intake;
  /** Undefined where the handler commits. */
  readonly #committer: Committer | undefined;
  readonly #watchdog = new Watchdog();
  readonly #handling: Handling<HeldTask>;
  readonly #stopping = new AbortController();
  readonly #in_flight: InFlight;
  readonly #busy = new BusyTime();
  #done = 0;
  #watch: Timer | undefined;
  #arrivals = 0;
  #restarts = 0;
  #joined = false;
  #idle: (() => void) | undefined;

  constructor(options: ConsumptionOptions) {
    const { consumer, clock, log, topics, limits, room = new QueueRoom(limits.queued_bytes_max) } = options;
    this.#options = options;
    this.#scheduler = new Scheduler(options);
    this.#in_flight = new InFlight(limits);
    const lanes = LANES.filter((lane) => Object.values(topics).includes(lane));
    this.#shares = new Map(lanes.map((lane) => [lane, room.enter(() => this.#heldIn(lane).bytes)]));
    this.#intake = new Intake({ consumer, topics, fill: (lane) => this.#fill(lane) });
    if (options.commit_by === "engine") {
      this.#committer = new Committer({
        consumer,
        clock,
        log,
        interval_ms: limits.commit_interval_ms,
        assignment: this.#assignment,
        onMeasured: () => this.#intake.relieve(),
        onCommitted: options.onCommitted,
      });
    }
    const context: HandlerContext = {
      isAssigned: (tp) => this.#assignment.stateOf(tp) !== undefined,
      stopping: this.#stopping.signal,
    };
    this.#handling = new Handling({
      handler: (records) => options.handler(records, context),
      deadLetter: options.deadLetter,
      isCurrent: (task) => this.#isCurrent(task),
      retrying: (what, work) => this.#retrying(what, work),
      stopped: () => this.#stopped,
      log,
    });
  }

  async start(): Promise<void> {
    await this.#options.consumer.start({
      alive: () => this.#watchdog.heard(),
      assigned: (partitions, retained) => this.#assigned(partitions, retained),
      crashed: () => {
        this.#joined = false;
      },
      rebalancing: () => void this.#committer?.commit(),
      records: (records) => this.#enqueue(records),
      passed: (tp, first, next) => this.#passed(tp, first, next),
      ends: (tp, end) => {
        const state = this.#assignment.stateOf(tp);
        if (state !== undefined) state.end = end;
      },
    });
    this.#committer?.start();
    this.#lookLater();
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
    const { clock, limits } = this.#options;
    return {
      in_flight: this.#in_flight.records,
      in_flight_limit: this.#in_flight.calls_max * limits.batch_records_max,
      busy_ms: this.#busy.read_ms(clock.now_ms()),
      done: this.#done,
      queued,
      queued_bytes,
      oldest_unfinished_ms: this.#assignment.oldestUnfinished_ms(),
      lag: this.#assignment.lag(),
      partitions: this.#assignment.size,
      restarts: this.#restarts,
    };
  }

  /**
   * Takes nothing new, lets what is in flight end within `deadline_ms`, commits, and leaves the group.
   * @returns how many records were still in flight at the deadline; they will be delivered again.
   */
  async drain(deadline_ms: number): Promise<number> {
    this.#intake.close();
    this.#committer?.stop();
    this.#watch?.cancel();
    this.#stopping.abort();
    if (this.#in_flight.calls > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(deadline_ms, resolve);
        this.#idle = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    await this.#committer?.commit();
    const unfinished = this.#in_flight.records;
    await this.#options.consumer.stop();
    this.#assignment.clear();
    for (const share of this.#shares.values()) share.leave();
    return unfinished;
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#watch = this.#options.clock.after(lookEvery_ms(this.#options.limits.watchdog_ms), () => {
      if (this.#watchdog.look()) void this.#restart();
      this.#lookLater();
    });
  }

  /** As after a crash: nothing is held until the next assignment, and that one finds nothing retained. */
  async #restart(): Promise<void> {
    const { consumer, log } = this.#options;
    this.#restarts += 1;
    const restart = this.#restarts;
    log.warn({ restarts: restart }, "watchdog: the consumer was silent for too long and is started again");
    this.#joined = false;
    this.#hold([], []);
    try {
      const superseded = (): boolean => this.#stopped || restart !== this.#restarts;
      await this.#retrying("consumer restart", () => consumer.restart(), superseded);
    } catch (error) {
      log.debug({ error }, "a restart of the consumer was given up");
    }
  }

  #assigned(partitions: readonly TopicPartition[], retained: readonly TopicPartition[]): void {
    this.#joined = true;
    this.#watchdog.heard();
    this.#hold(partitions, retained);
    this.#options.onAssigned?.(partitions);
  }

  #hold(partitions: readonly TopicPartition[], retained: readonly TopicPartition[]): void {
    const restores = this.#options.commit_by === "engine";
    const { gained, lost } = this.#assignment.change(partitions, retained, restores);
    this.#scheduler.retain((task) => this.#isCurrent(task));
    if (restores && gained.length > 0) void this.#restore(gained);
    if (lost.length > 0) this.#options.onLost?.(lost);
    this.#intake.relieve();
  }

  async #restore(states: readonly PartitionState[]): Promise<void> {
    const { consumer, log } = this.#options;
    let committed: PartitionOffset[] = [];
    try {
      await this.#retrying("committed offsets", async () => {
        committed = await consumer.committed(states.map(({ tp }) => tp));
      });
      this.#enqueue(this.#assignment.restore(states, committed));
      for (const state of states) {
        const { tp, early_passed } = state;
        if (early_passed === undefined || !this.#assignment.isCurrent(state)) continue;
        this.#passed(tp, early_passed.first, early_passed.next);
      }
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
        state.early_bytes += heldBytes(record);
        continue;
      }
      if (!state?.tracker.add(record.offset, record.timestamp_ms)) continue;
      this.#scheduler.add(this.#taskOf(record, state));
    }
    this.#intake.relieve();
    this.#pump();
  }

  /** What holds no records is done once all before it is. */
  #passed(tp: TopicPartition, first: number, next: number): void {
    if (this.#stopped) return;
    const state = this.#assignment.stateOf(tp);
    if (state?.early === undefined) {
      state?.tracker.pass(first, next);
      return;
    }
    const before = state.early_passed;
    state.early_passed = { first: before?.next === first ? before.first : first, next };
  }

  #taskOf(record: InRecord, state: PartitionState): HeldTask {
    const { tenant, deadline_ms } = schedulingHints(record);
    const lane = this.#options.topics[record.topic] ?? "interactive";
    this.#arrivals += 1;
    const [arrival, arrived_ms] = [this.#arrivals, this.#options.clock.now_ms()];
    return { record, lane, bytes: heldBytes(record), arrival, arrived_ms, tenant, deadline_ms, state };
  }

  #isCurrent(task: HeldTask): boolean {
    return this.#assignment.isCurrent(task.state);
  }

  #heldIn(lane: LaneName): ReturnType<Assignment["intake"]> {
    const early = this.#assignment.intake((topic) => this.#options.topics[topic] === lane);
    const { records, bytes } = this.#scheduler.queuedIn(lane);
    return { ...early, records: early.records + records, bytes: early.bytes + bytes };
  }

  /** 1 or more: the lane takes nothing in; a half or less: it does again. */
  #fill(lane: LaneName): number {
    const { queued_records_max, queued_bytes_max } = this.#options.limits;
    const { records, bytes, crowded } = this.#heldIn(lane);
    const share = this.#shares.get(lane)?.fill() ?? 0;
    return crowded ? 1 : Math.max(records / queued_records_max, bytes / queued_bytes_max, share);
  }

  #pump(): void {
    const { order, onOrderWait, limits } = this.#options;
    const { batch_records_max, batch_bytes_max } = limits;
    while (!this.#stopped) {
      const batch = this.#scheduler.take(batch_records_max, batch_bytes_max, this.#in_flight.closed());
      const [first] = batch;
      if (first === undefined) break;
      const bytes = batch.reduce((sum, task) => sum + task.bytes, 0);
      const ended = this.#in_flight.begin(first.lane, batch.length, bytes);
      const now_ms = this.#options.clock.now_ms();
      this.#busy.change(batch.length, now_ms);
      if (order === "key") for (const task of batch) if (task.was_behind) onOrderWait?.(now_ms - task.arrived_ms);
      void this.#run(batch).finally(() => {
        ended();
        this.#busy.change(-batch.length, this.#options.clock.now_ms());
        this.#intake.relieve();
        this.#pump();
        if (this.#in_flight.calls === 0) this.#idle?.();
      });
    }
  }

  async #run(batch: readonly HeldTask[]): Promise<void> {
    const complete = (): void => {
      for (const { record, state } of batch) state.tracker.complete(record.offset);
    };
    if (this.#options.plant_early_commit) complete();
    const began_ms = this.#options.clock.now_ms();
    const settled = await this.#handling.settle(batch);
    this.#options.consumer.handled?.(this.#options.clock.now_ms() - began_ms);
    if (settled) this.#done += batch.length;
    if (settled && !this.#options.plant_early_commit) complete();
    this.#scheduler.release(batch);
  }

  #retrying(what: string, work: () => Promise<void>, stopped = () => this.#stopped): Promise<void> {
    const { clock, random, log, limits } = this.#options;
    return untilAvailable({ clock, random, log, policy: limits.retry }, what, work, stopped);
  }
}
