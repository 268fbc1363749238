/** What the parts of a replay hand each other: recorded requests in, Results out. */
import type { OutcomeHead, Result, ResultHead } from "../../libs/shared/events/flow.ts";
import type { InRecord, OutRecord, RecordHeaders, TopicPartition } from "../../libs/shared/kafka/ports.ts";
import type { Range } from "../../libs/shared/replay/replay.ts";

/** A request as it was recorded, with what became of it. */
export type Recorded = {
  /** The record that was selected. */
  readonly source: InRecord;
  readonly tenant: string;
  readonly id: string;
  /** As on its work topics. */
  readonly key: Buffer | null;
  /** When it came to `llm.requests`, epoch ms. */
  readonly received_ms: number;
  /** The Request's JSON as it was written; undefined where it is not there any more. */
  readonly request?: Buffer;
  /** Of the request's record. */
  readonly headers: RecordHeaders;
  /** The terminal outcome; `row` where the topic does not have it any more: then it is made from the Result's row. */
  readonly outcome?: {
    readonly from: "topic" | "row";
    readonly head: OutcomeHead;
    readonly response?: Buffer;
    readonly headers: RecordHeaders;
  };
  /** The Result as its row has it; read from it when it is first looked at, so do not copy a `Recorded` without need. */
  readonly original?: Result | undefined;
};

/** Records of one partition, one after the other; those that the selection leaves out have no `recorded`. */
export type RecordedChunk = {
  readonly source: TopicPartition;
  readonly items: readonly RecordedItem[];
};

export type RecordedItem = {
  readonly offset: number;
  readonly recorded?: Recorded;
  /** Why there is none. */
  readonly skipped?: "filtered" | "unreadable";
};

/** What a chunk's records are needed with: the rest is not looked for. */
export type Wanted = { readonly request: boolean; readonly outcome: boolean };

export interface RecordedReader {
  /** The stretches that the selection covers now: what is written later is not part of it. */
  ranges(): Promise<readonly Range[]>;
  /**
   * Reads one range in chunks of at most `chunk` offsets. @param from goes on from this offset. Reads a little ahead of whoever takes chunks.
   * Gaps (transaction marks) are no items: the last chunk's last item may stand before the range's end.
   */
  read(range: Range, wanted: Wanted, from?: number): AsyncIterable<RecordedChunk>;
}

/** What a record's run came to. */
export type Replayed = {
  readonly recorded: Recorded;
  readonly fate: Fate;
  /** With `replay` set; the runner encodes it for the replay's topic. Undefined where there is nothing to write. */
  readonly result?: { readonly head: ResultHead; readonly response?: Buffer };
  readonly calls: number;
  readonly cost_nusd: number;
  /** Records beside the Result, in the same transaction: ledger entries (`charge`), cache entries (`fill_cache`). */
  readonly beside?: readonly OutRecord[];
};

export type Fate =
  /** With its recorded answer, or its recorded failure. */
  | "reused"
  /** By a model call, be it in vain. */
  | "called"
  /** `what-if`: by the cache. */
  | "cached"
  /** By admission or routing, as they are now. */
  | "refused"
  /** `stage`: sent to its service again. */
  | "sent"
  /** `stage`: not sent, since its request has a Result already. */
  | "ended"
  /** Nothing is recorded that could be used. */
  | "without_record";

/** How a mode works on records. */
export interface ReplayWorker {
  readonly wanted: Wanted;
  /**
   * In the order given. All that were begun are ended before it resolves, so that those left out are the last ones: `stopped` says why.
   * @throws retryable while a part is away: the chunk is then worked on again, without paying again.
   */
  run(records: readonly Recorded[], stopping: AbortSignal): Promise<ReplayedChunk>;
  close(): Promise<void>;
}

export type ReplayedChunk = {
  readonly done: readonly Replayed[];
  readonly stopped?: { readonly code: "replay_budget_used" | "stopping"; readonly message: string };
};
