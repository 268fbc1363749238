/** What a replay reads and writes, in memory: recorded requests in partitions, and transactions with notes. */
import { type SluiceError, unavailable } from "../../libs/shared/errors.ts";
import {
  type NotedOffset,
  type NotedTransactions,
  type OutRecord,
  partitionId,
  type TopicPartition,
  type TransactionItem,
} from "../../libs/shared/kafka/ports.ts";
import type { Range } from "../../libs/shared/replay/replay.ts";
import type {
  Recorded,
  RecordedChunk,
  RecordedItem,
  RecordedReader,
  Replayed,
  ReplayedChunk,
  ReplayWorker,
  Wanted,
} from "../../services/replay/contract.ts";
import { inRecord } from "./memory-ports.ts";

export const TOPIC = "llm.requests";

/** @returns undefined for one that the selection leaves out. */
export type Taken = (partition: number, offset: number) => boolean;

export function recordedAt(partition: number, offset: number): Recorded {
  const id = `r-${partition}-${offset}`;
  const source = inRecord({ tenant: "demo", id }, { topic: TOPIC, partition, offset, key: Buffer.from(id) });
  return { source, tenant: "demo", id, key: source.key, received_ms: 1_000, headers: {} };
}

/** Partitions of so many offsets each, read in chunks. */
export class MemoryReader implements RecordedReader {
  readonly #counts: readonly number[];
  readonly #chunk: number;
  readonly #taken: Taken;
  /** Throws, where it is to: once each time it is set. */
  away = 0;

  constructor(counts: readonly number[], chunk: number, taken: Taken = () => true) {
    this.#counts = counts;
    this.#chunk = chunk;
    this.#taken = taken;
  }

  async ranges(): Promise<readonly Range[]> {
    return this.#counts.map((to, partition) => ({ topic: TOPIC, partition, from: 0, to }));
  }

  async *read({ topic, partition, from, to }: Range, _wanted: Wanted, at = from): AsyncGenerator<RecordedChunk> {
    for (let begin = at; begin < to; begin += this.#chunk) {
      if (this.away > 0) {
        this.away -= 1;
        throw unavailable("kafka", new Error("away"));
      }
      const items: RecordedItem[] = [];
      for (let offset = begin; offset < Math.min(begin + this.#chunk, to); offset++) {
        const taken = this.#taken(partition, offset);
        items.push(taken ? { offset, recorded: recordedAt(partition, offset) } : { offset, skipped: "filtered" });
      }
      yield { source: { topic, partition }, items };
    }
  }
}

export type Moment = "before" | "after" | undefined;

/** What has been committed; a process is one `open()`, and the latest for a partition fences those before it. */
export class MemoryTransactionLog {
  readonly records: OutRecord[] = [];
  readonly #positions = new Map<string, NotedOffset>();
  readonly #holders = new Map<string, number>();
  #opened = 0;
  /** Asked before each transaction: where the process is to die, or hears nothing of it. */
  faulty: () => Moment = () => undefined;

  open(): NotedTransactions {
    this.#opened += 1;
    const me = this.#opened;
    const held = new Set<string>();
    const hold = (id: string): "fenced" | undefined => {
      const known = held.has(id);
      if (known && this.#holders.get(id) !== me) return "fenced";
      held.add(id);
      this.#holders.set(id, me);
      return undefined;
    };
    return {
      position: async (source) => hold(partitionId(source)) ?? this.positionOf(source),
      publishOnce: async (source, items) => hold(partitionId(source)) ?? this.#publish(source, items),
      forget: () => undefined,
    };
  }

  positionOf(source: TopicPartition): NotedOffset {
    return this.#positions.get(partitionId(source)) ?? { offset: -1, note: "" };
  }

  /** As the broker does once nobody has committed for long. */
  forgetOffsets(): void {
    this.#positions.clear();
  }

  #publish(source: TopicPartition, items: readonly TransactionItem[]): "committed" {
    const fault = this.faulty();
    if (fault === "before") throw unavailable("kafka", new Error("before the commit"));
    const position = this.positionOf(source);
    const fresh = items.filter(({ offset }) => offset >= position.offset);
    const last = fresh.at(-1);
    if (last !== undefined) {
      this.records.push(...fresh.flatMap(({ records }) => records));
      this.#positions.set(partitionId(source), { offset: last.offset + 1, note: last.note ?? "" });
    }
    if (fault === "after") throw unavailable("kafka", new Error("after the commit"));
    return "committed";
  }
}

/** Reuses whatever comes. */
export class MemoryWorker implements ReplayWorker {
  readonly wanted = { request: false, outcome: true };
  /** Records that it was given. */
  ran = 0;
  /** It stops after so many. */
  budget = Number.POSITIVE_INFINITY;
  /** It throws this once. */
  bug: SluiceError | Error | undefined;

  async run(records: readonly Recorded[], stopping: AbortSignal): Promise<ReplayedChunk> {
    if (this.bug !== undefined) {
      const bug = this.bug;
      this.bug = undefined;
      throw bug;
    }
    const done: Replayed[] = [];
    for (const recorded of records) {
      if (stopping.aborted) return { done, stopped: { code: "stopping", message: "stopping" } };
      if (this.budget === 0) return { done, stopped: { code: "replay_budget_used", message: "used up" } };
      this.budget -= 1;
      this.ran += 1;
      const { tenant, id } = recorded;
      const head = { id, tenant, status: "succeeded" as const, timing: {}, replay: { id: "rp_1", mode: "reuse" } };
      done.push({ recorded, fate: "reused", result: { head }, calls: 1, cost_nusd: 10 });
    }
    return { done };
  }

  async close(): Promise<void> {}
}
