/**
 * What the services need of a log, as small contracts. kafkajs implements them in this folder, the simulation implements them
 * in memory; nothing outside either knows which one it has.
 */

export type RecordHeaders = Readonly<Record<string, string>>;

/** A record as read. `offset` is a safe integer. */
export type InRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
  readonly timestamp_ms: number;
};

/** A record to write. Without `partition`, the key's murmur2 hash chooses it, as in Java's client. */
export type OutRecord = {
  readonly topic: string;
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: RecordHeaders;
  readonly partition?: number;
};

export type TopicPartition = { readonly topic: string; readonly partition: number };

/** The next offset to read, as committed; `metadata` at most 4,096 bytes. */
export type PartitionOffset = TopicPartition & { readonly offset: number; readonly metadata?: string };

export interface Publisher {
  /**
   * Resolves once every record is acknowledged by all in-sync replicas.
   * Throws `message_too_large` (never retryable) or a retryable `dependency_unavailable`.
   */
  publish(records: readonly OutRecord[]): Promise<void>;
}

export interface ConsumerEvents {
  /** A sign of life: it fetched, be it nothing, or heard of its group. */
  alive(): void;
  /**
   * A new assignment. `retained` are the partitions held without a break since the last one: what is in flight for
   * them stays valid. Everything else that was held is gone.
   */
  assigned(partitions: readonly TopicPartition[], retained: readonly TopicPartition[]): void;
  /** The member fell out of the group and tries to come back; nothing is fetched until the next `assigned`. */
  crashed(): void;
  /** The group is about to reassign: the last moment to commit. */
  rebalancing(): void;
  /** Fetched records of one partition, in offset order. Must not block: it only enqueues. */
  records(records: readonly InRecord[]): void;
  /** Offsets from `first` until before `next` hold no records to deliver: marks of transactions, or what was aborted. */
  passed?(tp: TopicPartition, first: number, next: number): void;
  /** Where the partition ends, as a fetch saw it: the offset of the next record to be written. */
  ends?(tp: TopicPartition, end: number): void;
}

/** One member of one consumer group. */
export interface ConsumerPort {
  start(events: ConsumerEvents): Promise<void>;
  /**
   * Starts afresh, as a new member, whatever has become of the one before: nothing is retained, and nothing more is heard of it.
   * Pauses stay. To be repeated when it rejects.
   */
  restart(): Promise<void>;
  /** Of these topics nothing more is delivered, but for what is under way, until `resume`: also over a crash or restart. */
  pause(topics: readonly string[]): void;
  resume(topics: readonly string[]): void;
  /** Some records were in hand for so long: under load the next fetch may wait for a part of it, and bring more. */
  handled?(took_ms: number): void;
  /** What the group has committed for each partition asked for, with its metadata; those without a commit are left out. */
  committed(partitions: readonly TopicPartition[]): Promise<PartitionOffset[]>;
  /** Rejects when this member no longer owns the generation; the caller forgets it and goes on. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  stop(): Promise<void>;
}

/** What one input record caused, to be published in the same transaction as its offset. */
export type TransactionItem = {
  readonly offset: number;
  readonly records: readonly OutRecord[];
  /** Kept with the offset, where the item is the last of its transaction: at most 4,096 bytes. */
  readonly note?: string;
};

export interface TransactionalPublisher {
  /**
   * Publishes what the items of one input partition caused and moves the group's offset past them, atomically. Items below the
   * group's committed offset are skipped, so that a repeat after an unknown outcome publishes nothing twice.
   * @returns `fenced` when another member took the partition's transactional id: ask again only while still assigned.
   */
  publishOnce(source: TopicPartition, items: readonly TransactionItem[]): Promise<"committed" | "fenced">;
  /** Forgets what is known of partitions that are held no more; the next use fences and reads the offset again. */
  forget(partitions: readonly TopicPartition[]): void;
}

/** For whoever writes elsewhere than to Kafka, and moves the group's offset once that is done. */
export interface OffsetHolder extends TransactionalPublisher {
  /**
   * Makes sure that nobody else moves the partition's offset any more.
   * @returns the next offset to read as the group has it, -1 where it has none; `fenced` as of `publishOnce`.
   */
  take(source: TopicPartition): Promise<number | "fenced">;
}

/** For whoever keeps a note with the offset, which then are never apart. */
export interface NotedTransactions extends TransactionalPublisher {
  /** As of `take`, with the note that was kept there. */
  position(source: TopicPartition): Promise<NotedOffset | "fenced">;
}

export type NotedOffset = { readonly offset: number; readonly note: string };

/** A map key for a partition. */
export function partitionId(tp: TopicPartition): string {
  return `${tp.topic}/${tp.partition}`;
}
