/**
 * The view of `llm.cache` that every router holds: read from the beginning at each start, then followed. The index is the whole of it,
 * so there is nothing to save and nothing that can be stale. What has expired is passed over; a record that nobody can read is counted
 * and skipped (I9).
 */
import type { Kafka } from "kafkajs";
import { readCacheChange } from "../../../libs/shared/cache/entry-records.ts";
import type { Clock } from "../../../libs/shared/clock.ts";
import { decodeVector } from "../../../libs/shared/embedding/quantized.ts";
import type { CacheEntryHead } from "../../../libs/shared/events/cache.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import type { InRecord } from "../../../libs/shared/kafka/ports.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";
import type { Log } from "../../../libs/shared/log.ts";
import type { CacheIndex, IndexedEntry } from "./contract.ts";

export type ViewDeps = {
  readonly codec: EventCodec;
  readonly index: Pick<CacheIndex, "put" | "remove">;
  /** Of the embedding model; an entry with another vector is indexed without it. */
  readonly dimensions: number;
  readonly clock: Clock;
  readonly log: Log;
  /** An entry was taken away or has expired: what else is kept of it may go. */
  readonly removed?: (entry: Pick<CacheEntryHead, "namespace" | "entry_id">) => void;
  /** An entry had expired when it was read: nobody has taken it from the topic yet. */
  readonly expired?: (entry: CacheEntryHead) => void;
};

/** What records do to the index. */
export class CacheViewWriter {
  readonly #deps: ViewDeps;
  #skipped = 0;

  constructor(deps: ViewDeps) {
    this.#deps = deps;
  }

  /** Records that nobody could read. */
  get skipped(): number {
    return this.#skipped;
  }

  async write(records: readonly InRecord[]): Promise<void> {
    for (const record of records) await this.#one(record);
  }

  async #one(record: InRecord): Promise<void> {
    const { codec, index, clock, log, dimensions } = this.#deps;
    const change = await readCacheChange(codec, record);
    if (change === undefined) {
      const { topic, partition, offset } = record;
      this.#skipped += 1;
      log.warn({ topic, partition, offset }, "a record of the cache cannot be read, it is skipped");
    } else if (change.kind === "removed") {
      this.#remove(change);
    } else if (change.entry.expires_ms <= clock.now_ms()) {
      this.#remove(change.entry);
      this.#deps.expired?.(change.entry);
    } else {
      index.put(entryOf(change.entry, dimensions));
    }
  }

  #remove({ namespace, entry_id }: Pick<CacheEntryHead, "namespace" | "entry_id">): void {
    this.#deps.index.remove(namespace, entry_id);
    this.#deps.removed?.({ namespace, entry_id });
  }
}

export class CacheView {
  readonly #writer: CacheViewWriter;
  readonly #reader: TopicReader;

  constructor(kafka: Kafka, topic: string, deps: ViewDeps) {
    const writer = new CacheViewWriter(deps);
    this.#writer = writer;
    this.#reader = new TopicReader(kafka, {
      topic,
      from: { kind: "beginning" },
      until_end: false,
      records: (records) => writer.write(records),
    });
  }

  /** True once all that was there at the start is in the index. */
  get caught_up(): boolean {
    return this.#reader.caught_up;
  }

  /** By partition, the offset that is read next. */
  get next(): ReadonlyMap<number, number> {
    return this.#reader.next;
  }

  get skipped(): number {
    return this.#writer.skipped;
  }

  /** Rejects when an entry could not be taken in for a reason of our own; never resolves while the view is followed. */
  get done(): Promise<void> {
    return this.#reader.done;
  }

  /** Resolves once the place is fixed; `caught_up` comes later. @throws retryable when Kafka is away. */
  start(): Promise<void> {
    return this.#reader.start();
  }

  stop(): Promise<void> {
    return this.#reader.stop();
  }
}

function entryOf({ embedding, ...head }: CacheEntryHead, dimensions: number): IndexedEntry {
  const vector = embedding === undefined ? undefined : decodeVector(embedding, dimensions);
  return vector === undefined ? head : { ...head, vector };
}
