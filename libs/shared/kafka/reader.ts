/**
 * Reads a topic from a place of the caller's choice, for people and scripts: it joins no service's group and commits nothing.
 * Transactions count: what was aborted, or is not committed yet, is not seen.
 */
import { randomUUID } from "node:crypto";
import type { Consumer, EachBatchPayload, Kafka } from "kafkajs";
import { SluiceError } from "../errors.ts";
import { kafkaError } from "./client.ts";
import { readHeaders } from "./message-parts.ts";
import type { InRecord } from "./ports.ts";
import { lookEvery_ms, Watchdog } from "./watchdog.ts";

/** Where to begin, on every partition. An offset that is not there gives way to the nearest that is. */
export type ReadFrom =
  | { readonly kind: "beginning" }
  | { readonly kind: "latest" }
  | { readonly kind: "offset"; readonly offset: number }
  /** The first record written at or after this time. */
  | { readonly kind: "time"; readonly timestamp_ms: number };

export type ReaderOptions = {
  readonly topic: string;
  readonly from: ReadFrom;
  /** Only this partition. */
  readonly partition?: number;
  /** `done` resolves once all that was there at the start has been read. */
  readonly until_end: boolean;
  /** Records of one partition in offset order. The reader waits for the promise, and keeps its membership meanwhile. */
  readonly records: (records: readonly InRecord[]) => void | Promise<void>;
};

type Range = { readonly low: number; readonly high: number };

/** After the loss of a broker the reader is given its partitions again when its old membership ends: so long it is silent. */
const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_MS = 3_000;
const FETCH_WAIT_MS = 250;
/** kafkajs can fall silent for good, where a broker that starts had no coordinator for it: so long without a word, and it is begun anew. */
const SILENCE_MS_MAX = 30_000;
/** The end counts as reached after this long without a record: an open transaction may stand before it. */
const QUIET_MS = 5_000;

export class TopicReader {
  readonly #kafka: Kafka;
  readonly #options: ReaderOptions;
  #consumer: Consumer;
  readonly #watchdog = new Watchdog();
  #watch: NodeJS.Timeout | undefined;
  readonly #finished = Promise.withResolvers<void>();
  /** The next offset to read, by partition. */
  readonly #next = new Map<number, number>();
  readonly #ends = new Map<number, number>();
  #quiet: NodeJS.Timeout | undefined;

  constructor(kafka: Kafka, options: ReaderOptions) {
    this.#kafka = kafka;
    this.#options = options;
    this.#finished.promise.catch(() => undefined);
    this.#consumer = this.#create();
  }

  /** Resolves when the end is reached (`until_end`); rejects with what `records` threw. */
  get done(): Promise<void> {
    return this.#finished.promise;
  }

  /** True once all that was there at the start has been read. */
  get caught_up(): boolean {
    return this.#ends.size > 0 && ![...this.#ends].some(([partition, end]) => (this.#next.get(partition) ?? 0) < end);
  }

  /** By partition, the offset that was the end at the start. */
  get ends(): ReadonlyMap<number, number> {
    return this.#ends;
  }

  /** By partition, the offset that is read next. */
  get next(): ReadonlyMap<number, number> {
    return this.#next;
  }

  /** Resolves once the place is fixed: whatever is written from then on is read. @throws retryable when Kafka is away. */
  async start(): Promise<void> {
    try {
      await this.#locate();
      await this.#run(this.#consumer);
    } catch (error) {
      throw kafkaError(error);
    }
    this.#watch = setInterval(() => {
      if (this.#watchdog.look()) this.#replace();
    }, lookEvery_ms(SILENCE_MS_MAX));
    this.#finishAtEnd();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#quiet);
    clearInterval(this.#watch);
    this.#finished.resolve();
    await this.#consumer.disconnect();
  }

  #create(): Consumer {
    // kafkajs reads in groups only: one of its own that never commits is gone when its member is.
    return this.#kafka.consumer({
      groupId: `sluice.view.${this.#options.topic}.${randomUUID()}`,
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 20, restartOnFailure: async () => true },
    });
  }

  async #run(consumer: Consumer): Promise<void> {
    const { topic } = this.#options;
    const { GROUP_JOIN, END_BATCH_PROCESS, FETCH, HEARTBEAT } = consumer.events;
    for (const event of [FETCH, HEARTBEAT] as const) consumer.on(event, () => this.#watchdog.heard());
    // kafkajs forgets its place at every join, the first one included.
    consumer.on(GROUP_JOIN, () => this.#seek(consumer));
    // Also comes for batches that hold nothing but the marks of transactions.
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      if (consumer === this.#consumer) this.#advance(payload.partition, Number(payload.lastOffset) + 1);
    });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: false });
    await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#deliver(consumer, payload) });
  }

  /** A consumer in the place of one that has fallen silent: it goes on where that was. */
  #replace(): void {
    const silent = this.#consumer;
    this.#consumer = this.#create();
    void silent.disconnect().catch(() => undefined);
    // Kafka may be away: then it will have been silent for too long again.
    void this.#run(this.#consumer).catch(() => undefined);
  }

  async #locate(): Promise<void> {
    const { topic, from, partition } = this.#options;
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(topic);
      const times =
        from.kind === "time" ? await admin.fetchTopicOffsetsByTimestamp(topic, from.timestamp_ms) : undefined;
      const at = new Map(times?.map((entry) => [entry.partition, Number(entry.offset)]));
      for (const { partition: number, low, high } of offsets) {
        if (partition !== undefined && number !== partition) continue;
        const range = { low: Number(low), high: Number(high) };
        this.#next.set(number, startOffset(from, range, at.get(number)));
        this.#ends.set(number, range.high);
      }
      if (this.#next.size === 0) throw new SluiceError("usage", `${topic} has no partition ${partition}`);
    } finally {
      await admin.disconnect();
    }
  }

  #seek(consumer: Consumer): void {
    const { topic } = this.#options;
    for (const [partition, offset] of this.#next) consumer.seek({ topic, partition, offset: String(offset) });
  }

  async #deliver(consumer: Consumer, { batch, heartbeat }: EachBatchPayload): Promise<void> {
    const { topic, partition } = batch;
    const from = this.#next.get(partition);
    if (from === undefined || consumer !== this.#consumer) return;
    const records: InRecord[] = [];
    for (const message of batch.messages) {
      const offset = Number(message.offset);
      if (offset < from) continue;
      const headers = readHeaders(message.headers);
      const timestamp_ms = Number(message.timestamp);
      records.push({ topic, partition, offset, key: message.key, value: message.value, headers, timestamp_ms });
    }
    const beat = setInterval(() => {
      this.#watchdog.heard();
      void heartbeat().catch(() => undefined);
    }, HEARTBEAT_MS);
    try {
      await this.#options.records(records);
    } catch (error) {
      this.#finished.reject(error);
    } finally {
      clearInterval(beat);
    }
  }

  #advance(partition: number, next: number): void {
    if (next <= (this.#next.get(partition) ?? Number.POSITIVE_INFINITY)) return;
    this.#next.set(partition, next);
    this.#finishAtEnd();
  }

  #finishAtEnd(): void {
    if (!this.#options.until_end) return;
    clearTimeout(this.#quiet);
    if (this.caught_up) this.#finished.resolve();
    else this.#quiet = setTimeout(() => this.#finished.resolve(), QUIET_MS);
  }
}

/** @param at_time the first offset at or after the time asked for; -1 or none when there is none. */
export function startOffset(from: ReadFrom, { low, high }: Range, at_time: number | undefined): number {
  switch (from.kind) {
    case "beginning":
      return low;
    case "latest":
      return high;
    case "offset":
      return Math.min(Math.max(from.offset, low), high);
    case "time":
      return at_time === undefined || at_time < 0 ? high : Math.min(Math.max(at_time, low), high);
  }
}
