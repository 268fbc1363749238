/**
 * Runs a replay that this process has leased: its preview, or the run itself, from where it stands to an end.
 *
 * - **R1** What it covers is fixed by the preview and saved before anything is written: what is recorded later is not part of it.
 * - **R2** Each selected record has exactly one Result on the replay's topic, however often a run dies (`output.ts`).
 * - **R3** Whoever was taken for dead writes nothing more: its transactions are fenced, its saves name a lease that is another's.
 * - **R4** Every end but a death is written down with its totals and its reason, and all but a finished or cancelled replay can go on.
 */
import type { Clock } from "../../libs/shared/clock.ts";
import { isRetryable, SluiceError } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { type NotedTransactions, partitionId } from "../../libs/shared/kafka/ports.ts";
import type { Log } from "../../libs/shared/log.ts";
import type {
  Range,
  Replay,
  ReplayError,
  ReplayPreview,
  ReplaySave,
  ReplayStatus,
  ReplayStore,
  ReplayTotals,
} from "../../libs/shared/replay/replay.ts";
import { type RetryContext, untilAvailable } from "../../libs/shared/retry.ts";
import type { RecordedReader } from "./contract.ts";
import { failedBy, standsStill, type Why } from "./ends.ts";
import { holdLease } from "./lease.ts";
import type { ModeRun, RunHooks } from "./modes.ts";
import { ReplayOutput } from "./output.ts";
import { type PassingDeps, pace, passRanges } from "./passing.ts";
import { Rate } from "./rate.ts";

/** Made for one replay, and closed after it. */
export type OpenRun = {
  readonly reader: RecordedReader;
  readonly preview: (ranges: readonly Range[], progress: Progress, stopping: AbortSignal) => Promise<ReplayPreview>;
  /** Ready to write: the topic is there. */
  readonly transactions: NotedTransactions;
  readonly openMode: () => Promise<ModeRun>;
  close(): Promise<void>;
};

export type Progress = (passed: { readonly passed: number; readonly of: number }) => void;

export type RunDeps = {
  readonly store: ReplayStore;
  readonly clock: Clock;
  readonly retry: RetryContext;
  readonly log: Log;
  readonly codec: EventCodec;
  readonly names: TopicNames;
  readonly lease_ms: number;
  readonly chunk: number;
  /** Records a second, of replays that do not say. Undefined: as fast as it goes. */
  readonly rateOf: (replay: Replay) => number | undefined;
  readonly open: (replay: Replay) => Promise<OpenRun>;
  readonly summarise?: (replay: Replay) => Promise<unknown>;
  /** What a replay comes to whose process is to end: `paused` waits for a person, `asked` for the next process. */
  readonly left_as: "paused" | "asked";
  /** Told now and then, for whoever watches. */
  readonly onProgress?: (replay: Replay) => void;
};

/** `lost`: another process has it. */
export type RunEnd = ReplayStatus | "lost";

/** @param owner holds the replay's lease; it is given back. @param stopping the process is to end. */
export async function runReplay(deps: RunDeps, replay: Replay, owner: string, stopping: AbortSignal): Promise<RunEnd> {
  const run = new Run(deps, replay, owner);
  const stop = (): void => run.interrupt("left");
  stopping.addEventListener("abort", stop, { once: true });
  if (stopping.aborted) stop();
  try {
    return await run.drive();
  } finally {
    stopping.removeEventListener("abort", stop);
  }
}

class Run {
  readonly #deps: RunDeps;
  readonly #owner: string;
  readonly #stopping = new AbortController();
  #replay: Replay;
  #why: Why | undefined;
  /** Why the mode itself stopped. */
  #stopped: ReplayError | undefined;
  #output: ReplayOutput | undefined;
  /** The mode's own. */
  #report: unknown;
  #saved: ReplayTotals | undefined;

  constructor(deps: RunDeps, replay: Replay, owner: string) {
    this.#deps = deps;
    this.#replay = replay;
    this.#owner = owner;
  }

  interrupt(why: Why): void {
    if (this.#why !== "lost") this.#why = why;
    this.#stopping.abort();
  }

  async drive(): Promise<RunEnd> {
    const { store, clock, log, lease_ms } = this.#deps;
    const hold = { id: this.#replay.id, owner: this.#owner };
    const lease = holdLease(
      { store, clock, log, lease_ms },
      hold,
      () => this.#progress(),
      (why) => this.interrupt(why),
    );
    let end: ReplaySave;
    try {
      end = await this.#work();
    } catch (error) {
      end = this.#failed(error);
    }
    await lease.stop();
    return this.#finish(end);
  }

  async #work(): Promise<ReplaySave> {
    const run = await this.#waiting(() => this.#deps.open(this.#replay));
    try {
      return this.#replay.ranges === undefined ? await this.#preview(run) : await this.#run(run, this.#replay.ranges);
    } finally {
      await run.close();
    }
  }

  async #preview({ reader, preview }: OpenRun): Promise<ReplaySave> {
    const { signal } = this.#stopping;
    const tell = ({ passed, of }: Parameters<Progress>[0]): void => {
      this.#tell({ totals: { ...this.#replay.totals, passed, of } });
    };
    try {
      const ranges = await this.#waiting(() => reader.ranges());
      const seen = await this.#waiting(() => preview(ranges, tell, signal));
      return { status: "previewed", ranges, preview: seen };
    } catch (error) {
      if (signal.aborted) return this.#interrupted();
      throw error;
    }
  }

  async #run(run: OpenRun, ranges: readonly Range[]): Promise<ReplaySave> {
    const output = new ReplayOutput({ ...this.#deps, transactions: run.transactions }, this.#replay, ranges);
    const positions = await this.#positions(output, ranges);
    this.#output = output;
    await this.#waiting(() => this.#save({ status: "running", totals: output.totals() }));
    const passing: PassingDeps = {
      ...{ clock: this.#deps.clock, retry: this.#deps.retry, reader: run.reader, output },
      rate: new Rate(this.#deps.rateOf(this.#replay) ?? Number.POSITIVE_INFINITY),
      chunk: this.#deps.chunk,
      stopping: this.#stopping.signal,
      stop: (why) => this.#stop(why),
    };
    const mode = await this.#waiting(run.openMode);
    if (mode.kind === "records") {
      try {
        await passRanges(passing, mode.worker, ranges);
      } finally {
        await mode.worker.close();
      }
    } else await this.#whole(mode, passing, ranges, positions);
    return this.#ended(output, ranges);
  }

  async #whole(
    mode: Extract<ModeRun, { kind: "whole" }>,
    passing: PassingDeps,
    ranges: readonly Range[],
    positions: ReadonlyMap<string, number>,
  ): Promise<void> {
    const { output, reader, stopping } = passing;
    const hooks: RunHooks = {
      ...{ reader, ranges, positions, stopping },
      // What was written, though nobody heard so, stands before the position that is read again.
      publish: (source, items) =>
        this.#waiting(async () => {
          await output.open(source);
          await output.write(source, items);
        }),
      finished: (range) => output.finished(range),
      pace: (records) => pace(passing, records),
    };
    const { stopped, report } = await mode.run(this.#replay, hooks);
    this.#report = report;
    if (stopped !== undefined && stopped.code !== "stopping") this.#stop(stopped);
  }

  /** Fences whoever ran it before. @throws `replay_position_lost` */
  async #positions(output: ReplayOutput, ranges: readonly Range[]): Promise<Map<string, number>> {
    const positions = new Map<string, number>();
    for (const range of ranges) {
      const id = partitionId(range);
      if (positions.has(id)) continue;
      positions.set(id, await this.#waiting(() => output.open(range)));
    }
    const { id, totals } = this.#replay;
    if (totals.passed > 0 && positions.size > 0 && [...positions.values()].every((position) => position < 0)) {
      throw new SluiceError("replay_position_lost", `Kafka does not know any more how far the replay ${id} was`, {
        fix: "Start a new replay: what this one has written stays on its topic as long as that keeps it.",
      });
    }
    return positions;
  }

  async #ended(output: ReplayOutput, ranges: readonly Range[]): Promise<ReplaySave> {
    const totals = output.totals();
    const all = totals.passed === ranges.reduce((sum, { from, to }) => sum + to - from, 0);
    if (!all) return this.#interrupted();
    const ended = { status: "completed" as const, totals, ended_ms: this.#deps.clock.now_ms() };
    const summary = await this.#summary({ ...this.#replay, ...ended });
    if (this.#report === undefined) return summary === undefined ? ended : { ...ended, comparison: summary };
    return { ...ended, comparison: { ...(summary as object | undefined), what_if: this.#report } };
  }

  /** Its Results are all there: a summary that cannot be made is not what the replay is judged by. */
  async #summary(ended: Replay): Promise<unknown> {
    try {
      return await this.#deps.summarise?.(ended);
    } catch (error) {
      this.#deps.log.warn({ error, replay: ended.id }, "the replay's results could not be compared");
      return undefined;
    }
  }

  /** It stands still before its end. */
  #interrupted(): ReplaySave {
    const { left_as, clock } = this.#deps;
    const previewed = this.#replay.ranges !== undefined;
    return standsStill({ why: this.#why, stopped: this.#stopped, previewed, left_as }, clock.now_ms());
  }

  #failed(error: unknown): ReplaySave {
    const { log, clock } = this.#deps;
    if (error instanceof SluiceError && error.code === "replay_taken_over") this.interrupt("lost");
    // Whoever stops while a part is away has not failed.
    if (this.#why === "lost" || (this.#why !== undefined && isRetryable(error))) return this.#interrupted();
    // What is wrong with the replay itself is told to whoever asked for it.
    log[error instanceof SluiceError ? "warn" : "error"]({ error, replay: this.#replay.id }, "the replay failed");
    return failedBy(error, clock.now_ms());
  }

  async #finish(end: ReplaySave): Promise<RunEnd> {
    const { store, retry } = this.#deps;
    const { id } = this.#replay;
    if (this.#why === "lost") return "lost";
    const save = { ...(this.#output === undefined ? {} : { totals: this.#output.totals() }), ...end };
    // A process that is to end does not wait for Postgres: the lease ends by itself, and the totals are beside the offsets.
    const saved = await untilAvailable(
      retry,
      "replay",
      () => this.#save(save),
      () => this.#why === "left",
    );
    if (!saved) return "lost";
    await store.release(id, this.#owner).catch(() => undefined);
    return save.status ?? this.#replay.status;
  }

  /** As long as a part is away, unless it is to stop. */
  #waiting<T>(work: () => Promise<T>): Promise<T> {
    return untilAvailable(this.#deps.retry, "replay", work, () => this.#stopping.signal.aborted);
  }

  #stop(why?: ReplayError): void {
    this.#stopped ??= why;
    this.#stopping.abort();
  }

  #progress(): ReplaySave | undefined {
    const totals = this.#output?.totals();
    if (totals === undefined) return undefined;
    this.#tell({ totals });
    const same = this.#saved !== undefined && this.#saved.passed === totals.passed;
    this.#saved = totals;
    return same ? undefined : { totals };
  }

  #tell(more: Partial<Replay>): void {
    this.#replay = { ...this.#replay, ...more };
    this.#deps.onProgress?.(this.#replay);
  }

  async #save(save: ReplaySave): Promise<boolean> {
    const { store, clock } = this.#deps;
    const saved = await store.save(this.#replay.id, this.#owner, save, clock.now_ms());
    if (!saved) this.interrupt("lost");
    else this.#tell(save);
    return saved;
  }
}
