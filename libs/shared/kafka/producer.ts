/**
 * The shared producer: everything asked for while a send is under way goes out together in the next one, so that load makes
 * batches by itself and an idle pipeline adds no wait. Bounded in records and bytes a request.
 */
import kafkajs, { type CompressionTypes, type Kafka, type Message, type Producer } from "kafkajs";
import { type Clock, sleep, systemClock } from "../clock.ts";
import { timed } from "../metrics/dependencies.ts";
import { kafkaError } from "./client.ts";
import { mayPass } from "./passing.ts";
import type { OutRecord, Publisher } from "./ports.ts";

/** Below this a batch is sent as it is: compressing costs more than it saves on loopback and LAN. */
const COMPRESS_FROM_BYTES = 65_536;

const TRIES_MAX = 10;
const RETRY_MS_MIN = 5;
const RETRY_MS_MAX = 2_000;

export type ProducerLimits = {
  readonly request_records_max: number;
  /** Uncompressed bytes a produce request may hold; a single larger record goes alone. */
  readonly request_bytes_max: number;
};

type Pending = {
  readonly records: readonly OutRecord[];
  readonly bytes: number;
  resolve(): void;
  reject(error: unknown): void;
};

export class BatchingProducer implements Publisher {
  readonly #producer: Producer;
  readonly #limits: ProducerLimits;
  readonly #clock: Clock;
  #pending: Pending[] = [];
  #sending: Promise<void> | undefined;
  #healthy = true;

  constructor(kafka: Kafka, limits: ProducerLimits, clock: Clock = systemClock) {
    this.#limits = limits;
    this.#clock = clock;
    // Not idempotent: kafkajs loses its sequence over a broker's restart, and every reader removes repeats by id (I1, I3).
    this.#producer = kafka.producer({
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      // Each send once: kafkajs's own repeat leaves out what has moved to a broker that answered for other partitions already.
      retry: { retries: 0 },
    });
  }

  async connect(): Promise<void> {
    try {
      await this.#producer.connect();
    } catch (error) {
      throw kafkaError(error);
    }
  }

  async publish(records: readonly OutRecord[]): Promise<void> {
    // One after the other: were a later part written and an earlier one not, the repeat would put its records out of order.
    for (const chunk of chunks(records, this.#limits.request_bytes_max)) await this.#enqueue(chunk);
  }

  /** False from a send that failed until one that succeeds. */
  get healthy(): boolean {
    return this.#healthy;
  }

  /** Sends what is pending and disconnects. */
  async close(): Promise<void> {
    await this.#sending;
    await this.#producer.disconnect();
  }

  #enqueue(records: readonly OutRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ records, bytes: sizeOf(records), resolve, reject });
      this.#sending ??= this.#drain();
    });
  }

  async #drain(): Promise<void> {
    // One turn later, so that all that is asked for in this turn goes out together.
    await Promise.resolve();
    while (this.#pending.length > 0) await this.#send(this.#take());
    this.#sending = undefined;
  }

  #take(): Pending[] {
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const pending of this.#pending) {
      records += pending.records.length;
      bytes += pending.bytes;
      if (count > 0 && (records > this.#limits.request_records_max || bytes > this.#limits.request_bytes_max)) break;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #send(group: readonly Pending[]): Promise<void> {
    try {
      await this.#sendBatch(group.flatMap((pending) => pending.records));
      this.#healthy = true;
      for (const pending of group) pending.resolve();
    } catch (error) {
      // One record that is too large must not fail its neighbours: each caller gets its own answer.
      if (group.length > 1 && kafkaError(error).code === "message_too_large") {
        for (const pending of group) await this.#send([pending]);
        return;
      }
      const failure = kafkaError(error);
      this.#healthy = !failure.retryable;
      for (const pending of group) pending.reject(failure);
    }
  }

  /** A leader that moved, or a connection that broke, costs a repeat of the whole: readers know what they have. */
  async #sendBatch(records: readonly OutRecord[]): Promise<void> {
    const batch = { topicMessages: byTopic(records), acks: -1, compression: compressionFor(sizeOf(records)) };
    for (let tries = 1, wait_ms = RETRY_MS_MIN; ; tries += 1, wait_ms = Math.min(2 * wait_ms, RETRY_MS_MAX)) {
      try {
        await timed("kafka", "produce", () => this.#producer.sendBatch(batch));
        return;
      } catch (error) {
        // Longer outages are the caller's, who waits with back-off.
        if (tries === TRIES_MAX || !mayPass(error)) throw error;
        await sleep(this.#clock, wait_ms);
      }
    }
  }
}

export function compressionFor(bytes: number): CompressionTypes {
  const { ZSTD, None } = kafkajs.CompressionTypes;
  return bytes >= COMPRESS_FROM_BYTES ? ZSTD : None;
}

/** Groups records by topic in the shape that kafkajs takes. */
export function byTopic(records: readonly OutRecord[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const record of records) {
    let messages = topics.get(record.topic);
    if (messages === undefined) {
      messages = [];
      topics.set(record.topic, messages);
    }
    const message: Message = { key: record.key, value: record.value };
    if (record.headers !== undefined) message.headers = { ...record.headers };
    if (record.partition !== undefined) message.partition = record.partition;
    messages.push(message);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

/**
 * Splits records, in order, so that no part holds more than `bytes_max`, a single larger record aside: a topic's limit counts for all
 * that one request brings to a partition.
 */
export function chunks(records: readonly OutRecord[], bytes_max: number): OutRecord[][] {
  const parts: OutRecord[][] = [];
  let bytes = 0;
  for (const record of records) {
    const size = recordBytes(record);
    const part = parts.at(-1);
    if (part === undefined || bytes + size > bytes_max) {
      parts.push([record]);
      bytes = size;
    } else {
      part.push(record);
      bytes += size;
    }
  }
  return parts;
}

export function sizeOf(records: readonly OutRecord[]): number {
  return records.reduce((bytes, record) => bytes + recordBytes(record), 0);
}

/** With room for headers and framing. */
function recordBytes({ key, value }: OutRecord): number {
  return (value?.length ?? 0) + (key?.length ?? 0) + 128;
}
