/**
 * Kafka's log in memory: topics of partitions, offsets with gaps where transaction markers stand, read_committed up to the last
 * stable offset. Only what a reader or writer can see is modelled; there are no replicas, segments or retention.
 */
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import { ProtocolError } from "./protocol.ts";

/** One transaction, shared by the records it wrote. */
export type LogTransaction = { state: "open" | "committed" | "aborted" };

export type LogEntry =
  | { readonly kind: "record"; readonly record: InRecord; readonly transaction: LogTransaction | undefined }
  | { readonly kind: "marker" };

export type ReadResult = {
  readonly records: readonly InRecord[];
  /** The offset to read next: past markers and aborted records, which no reader is given. */
  readonly next: number;
};

export class LogPartition {
  readonly topic: string;
  readonly number: number;
  /** The entry at index i has offset i. */
  readonly entries: LogEntry[] = [];
  /** Open transactions and the first offset of each. */
  readonly #open = new Map<LogTransaction, number>();

  constructor(topic: string, number: number) {
    this.topic = topic;
    this.number = number;
  }

  get end(): number {
    return this.entries.length;
  }

  /** The last stable offset: read_committed readers see nothing from here on. */
  get stable(): number {
    let stable = this.entries.length;
    for (const first of this.#open.values()) stable = Math.min(stable, first);
    return stable;
  }

  append(out: OutRecord, timestamp_ms: number, transaction: LogTransaction | undefined): InRecord {
    const offset = this.entries.length;
    const record: InRecord = {
      topic: this.topic,
      partition: this.number,
      offset,
      key: out.key === null ? null : Buffer.from(out.key),
      value: out.value,
      headers: out.headers ?? {},
      timestamp_ms,
    };
    this.entries.push({ kind: "record", record, transaction });
    if (transaction !== undefined && !this.#open.has(transaction)) this.#open.set(transaction, offset);
    return record;
  }

  /** Ends a transaction here: its marker takes an offset. */
  mark(transaction: LogTransaction): void {
    if (this.#open.delete(transaction)) this.entries.push({ kind: "marker" });
  }

  /** What a read_committed reader gets from `offset` on; always at least one record, if there is one, whatever its size. */
  read(offset: number, bytes_max: number): ReadResult {
    const stable = this.stable;
    const records: InRecord[] = [];
    let bytes = 0;
    let next = offset;
    for (; next < stable && bytes < bytes_max; next += 1) {
      const entry = this.entries[next];
      if (entry?.kind !== "record" || entry.transaction?.state === "aborted") continue;
      records.push(entry.record);
      bytes += (entry.record.value?.length ?? 0) + 100;
    }
    return { records, next };
  }

  /** Every record that a read_committed reader can see now. */
  visible(): InRecord[] {
    return [...this.read(0, Number.POSITIVE_INFINITY).records];
  }
}

export type LogOptions = {
  readonly now_ms: () => number;
  /** A larger value is refused. */
  readonly record_bytes_max: number;
  /** Told of every record as it is written, be its transaction committed or not. */
  readonly onAppend?: (record: InRecord, transaction: LogTransaction | undefined) => void;
};

export class SimulatedLog {
  readonly #options: LogOptions;
  readonly #topics = new Map<string, LogPartition[]>();
  readonly #watchers = new Set<(partition: LogPartition) => void>();

  constructor(options: LogOptions) {
    this.#options = options;
  }

  createTopic(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, (_, number) => new LogPartition(topic, number)),
    );
  }

  partitions(topic: string): readonly LogPartition[] {
    const partitions = this.#topics.get(topic);
    if (partitions === undefined) throw new Error(`the simulated log has no topic ${topic}`);
    return partitions;
  }

  partition(topic: string, number: number): LogPartition {
    const partition = this.partitions(topic)[number];
    if (partition === undefined) throw new Error(`the simulated log has no partition ${topic}/${number}`);
    return partition;
  }

  topics(): string[] {
    return [...this.#topics.keys()];
  }

  /** Where a record goes: where it says, else by its key; without a key, to the first. */
  partitionFor(out: OutRecord): LogPartition {
    const partitions = this.partitions(out.topic);
    return this.partition(out.topic, out.partition ?? (out.key === null ? 0 : partitionOf(out.key, partitions.length)));
  }

  /** Every record of a topic that a read_committed reader can see now, partition by partition in offset order. */
  visible(topic: string): InRecord[] {
    return this.partitions(topic).flatMap((partition) => partition.visible());
  }

  /** Calls back whenever a partition has more to read. */
  watch(watcher: (partition: LogPartition) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  append(out: OutRecord, transaction?: LogTransaction): InRecord {
    if ((out.value?.length ?? 0) > this.#options.record_bytes_max) throw new ProtocolError("MESSAGE_TOO_LARGE");
    const partition = this.partitionFor(out);
    const record = partition.append(out, this.#options.now_ms(), transaction);
    this.#options.onAppend?.(record, transaction);
    if (transaction === undefined) this.#changed(partition);
    return record;
  }

  /** Writes the markers of a transaction that ended and lets readers past it. */
  end(transaction: LogTransaction, partitions: Iterable<LogPartition>): void {
    for (const partition of partitions) {
      partition.mark(transaction);
      this.#changed(partition);
    }
  }

  #changed(partition: LogPartition): void {
    for (const watcher of this.#watchers) watcher(partition);
  }
}

/** The same key is always in the same partition. FNV-1a, where Java's client has murmur2: only the sameness matters here. */
export function partitionOf(key: Buffer | string, partitions: number): number {
  const bytes = Buffer.from(key);
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0) % partitions;
}
