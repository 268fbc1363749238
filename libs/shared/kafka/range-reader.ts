/**
 * Reads stretches of partitions, for replays: from an offset to before another one, as fast as a broker gives them. What was aborted is not
 * seen, and a stretch is at its end whatever stands there: records, marks of transactions, or nothing any more.
 */
import type { Kafka } from "kafkajs";
import { unavailable } from "../errors.ts";
import { BrokerReads, type PartitionBounds } from "./broker-reads.ts";
import { clusters, type Stretch, stretchOf } from "./fetched.ts";
import { ownBytes } from "./message-parts.ts";
import type { InRecord, TopicPartition } from "./ports.ts";

/** What is asked of a broker at once; two answers are in memory at the most. */
const FETCH_BYTES_MAX = 1_048_576;
const FETCH_BYTES_MIN = 16_384;
/** Single records this close to each other are read with what lies between: less work than another request. */
const GAP_MAX = 64;
/** Waits of some seconds each for an end that is not readable yet: an open transaction is ended by then. */
const WAITS_MAX = 6;
const RECORD_BYTES_GUESSED = 1_024;
/** Of headers and framing. */
const RECORD_BYTES_FIXED = 256;

export type OffsetRange = TopicPartition & { readonly from: number; readonly to: number };

export class RangeReader {
  readonly #reads: Pick<BrokerReads, "bounds" | "at" | "fetch" | "close">;
  /** Bytes of a record in keys and values, by topic, as seen lately. */
  readonly #sizes = new Map<string, number>();

  /** @param reads for tests. */
  constructor(kafka: Kafka, reads: Pick<BrokerReads, "bounds" | "at" | "fetch" | "close"> = new BrokerReads(kafka)) {
    this.#reads = reads;
  }

  /** By partition, in order. @throws `usage` where there is no such topic; retryable while Kafka is away. */
  bounds(topic: string): Promise<ReadonlyMap<number, PartitionBounds>> {
    return this.#reads.bounds(topic);
  }

  /** By partition, the first offset written at or after the time; undefined where there is none. @throws as `bounds`. */
  at(topic: string, time_ms: number): Promise<ReadonlyMap<number, number | undefined>> {
    return this.#reads.at(topic, time_ms);
  }

  /**
   * Records in offset order, some hundred KB at a time; asks for the next ones while the last are worked on, and for no more than these.
   * @throws retryable while Kafka is away, or what is asked for is not written yet.
   */
  async *read({ from, to, ...tp }: OffsetRange): AsyncGenerator<readonly InRecord[], void, void> {
    let at = from;
    let coming = at < to ? this.#next(tp, at, to, FETCH_BYTES_MAX) : undefined;
    while (coming !== undefined) {
      const { records, next } = await coming;
      at = next;
      coming = at < to ? this.#next(tp, at, to, FETCH_BYTES_MAX) : undefined;
      // Heard of when it is awaited, unless nobody takes any more.
      coming?.catch(() => undefined);
      if (records.length > 0) yield records;
    }
  }

  /** Single records of one partition, by offset; those that are not there (any more) are left out. @throws as `read`. */
  async readAt(tp: TopicPartition, offsets: readonly number[]): Promise<ReadonlyMap<number, InRecord>> {
    const wanted = new Set(offsets);
    const found = new Map<number, InRecord>();
    let at = 0;
    for (const { from, to } of clusters([...wanted], GAP_MAX)) {
      // An answer has whole batches, and may have what the next ones are asked for already.
      at = Math.max(at, from);
      while (at < to) {
        const { records, next } = await this.#next(tp, at, to, this.#bytesOf(tp.topic, to - at), "single");
        at = next;
        this.#noteSize(tp.topic, records);
        for (const record of records) {
          if (!wanted.has(record.offset)) continue;
          found.set(record.offset, { ...record, key: ownBytes(record.key), value: ownBytes(record.value) });
        }
      }
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#reads.close();
  }

  /** About what so many records have. */
  #bytesOf(topic: string, records: number): number {
    const bytes = 1.25 * records * (this.#sizes.get(topic) ?? RECORD_BYTES_GUESSED);
    return Math.ceil(Math.min(Math.max(bytes, FETCH_BYTES_MIN), FETCH_BYTES_MAX));
  }

  /** @param what of `single` records all that an answer has is given, and what is not written (yet) is not waited for. */
  async #next(tp: TopicPartition, at: number, to: number, bytes_max: number, what?: "single"): Promise<Stretch> {
    const keep = what === "single" ? Number.POSITIVE_INFINITY : to;
    for (let waits = 0; waits < WAITS_MAX; waits += 1) {
      const answer = await this.#reads.fetch(tp, at, bytes_max);
      const stretch = answer === undefined ? await this.#outside(tp, at, to) : stretchOf(tp, answer, at, keep);
      if (stretch.next > at) return stretch;
      if (what === "single" && (await this.#boundsOf(tp)).end <= at) return { records: [], next: to };
    }
    const place = `${tp.topic}/${tp.partition} at ${at}`;
    throw unavailable("kafka", new Error(`${place} cannot be read yet: an open transaction stands before it`));
  }

  /** Retention has taken what stood there; or the log was cut, and what stood there never comes again. */
  async #outside(tp: TopicPartition, at: number, to: number): Promise<Stretch> {
    const { low } = await this.#boundsOf(tp);
    return { records: [], next: low > at ? low : to };
  }

  async #boundsOf({ topic, partition }: TopicPartition): Promise<PartitionBounds> {
    return (await this.#reads.bounds(topic)).get(partition) ?? { low: 0, end: 0 };
  }

  #noteSize(topic: string, records: readonly InRecord[]): void {
    if (records.length === 0) return;
    const bytes = records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
    this.#sizes.set(topic, bytes / records.length + RECORD_BYTES_FIXED);
  }
}
