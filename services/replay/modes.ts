/** What works on the records of each mode. Each is read in when a replay of its mode starts. */
import type { Range, Replay } from "../../libs/shared/replay/replay.ts";
import type { RecordedReader, Replayed, ReplayedChunk, ReplayWorker } from "./contract.ts";

/** An offset that was passed, with what its record's run came to; those that the selection leaves out have none. */
export type WrittenItem = { readonly offset: number; readonly replayed?: Replayed };

/** For a mode that takes records in an order of its own: `what-if`, which goes by the time of their arrival. */
export type RunHooks = {
  readonly reader: RecordedReader;
  readonly ranges: readonly Range[];
  /** By `partitionId`: where each partition goes on. What stands before it has its Result already: it may be worked on again, and is not written. */
  readonly positions: ReadonlyMap<string, number>;
  /**
   * Writes Results, what is beside them, and the partition's position, in one transaction. Items of one partition, by offset, each after those
   * of the call before; items before its position are left out. Calls for one partition follow one another.
   * @throws `replay_taken_over` where another process runs the replay: end at once.
   */
  publish(source: { readonly topic: string; readonly partition: number }, items: readonly WrittenItem[]): Promise<void>;
  /** Tells that all of a range is worked on and published. */
  finished(range: Range): void;
  /** Waits as the replay's rate demands, before so many records are worked on. */
  pace(records: number): Promise<void>;
  /** Aborted where a person, or the process's end, stops it: publish what is done, and return. */
  readonly stopping: AbortSignal;
};

/** What a mode with an order of its own came to. */
export type WholeEnd = {
  /** Why it stopped before its end. */
  readonly stopped?: NonNullable<ReplayedChunk["stopped"]>;
  /** Kept with the replay's comparison, as `what_if`. */
  readonly report?: unknown;
};

export type ModeRun =
  | { readonly kind: "records"; readonly worker: ReplayWorker }
  /** Ends when all ranges are worked on, or says why it stopped. */
  | { readonly kind: "whole"; readonly run: (replay: Replay, hooks: RunHooks) => Promise<WholeEnd> };
