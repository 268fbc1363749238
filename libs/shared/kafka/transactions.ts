/**
 * Exactly once from an input partition to an output topic on kafkajs, which has no KIP-447: one transactional id per input
 * partition. The first use under an assignment fences whoever had the id before, then reads the group's committed offset: nothing
 * below it is published again, whatever the fate of an earlier transaction was.
 */
import type { Admin, Kafka } from "kafkajs";
import { timed } from "../metrics/dependencies.ts";
import { errorType, kafkaError } from "./client.ts";
import {
  type NotedOffset,
  type NotedTransactions,
  type OffsetHolder,
  partitionId,
  type TopicPartition,
  type TransactionItem,
} from "./ports.ts";
import { byTopic, chunks, compressionFor, sizeOf } from "./producer.ts";
import { type OnceProducer, TransactionalProducer } from "./transactional-producer.ts";

type Channel = { readonly producer: OnceProducer; position: number; note: string };

const FENCED = new Set(["INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED", "INVALID_PRODUCER_ID_MAPPING"]);

export type TransactionOptions = {
  readonly group: string;
  /** How long the broker lets a transaction stand open before it aborts it. */
  readonly transaction_timeout_ms: number;
  /** Uncompressed bytes of one produce request. */
  readonly request_bytes_max: number;
};

export class KafkaTransactions implements OffsetHolder, NotedTransactions {
  readonly #options: TransactionOptions;
  readonly #admin: Admin;
  readonly #producerOf: (transactional_id: string) => OnceProducer;
  readonly #channels = new Map<string, Channel>();

  /** @param producerOf for the simulation. */
  constructor(kafka: Kafka, options: TransactionOptions, producerOf?: (transactional_id: string) => OnceProducer) {
    this.#options = options;
    this.#admin = kafka.admin();
    this.#producerOf = producerOf ?? ((id) => new TransactionalProducer(kafka, id, options.transaction_timeout_ms));
  }

  async connect(): Promise<void> {
    try {
      await this.#admin.connect();
    } catch (error) {
      throw kafkaError(error);
    }
  }

  async publishOnce(source: TopicPartition, items: readonly TransactionItem[]): Promise<"committed" | "fenced"> {
    const done = await this.#using(source, (channel) => this.#commit(channel, source, items));
    return done === "fenced" ? "fenced" : "committed";
  }

  async take(source: TopicPartition): Promise<number | "fenced"> {
    return this.#using(source, async ({ position }) => position);
  }

  async position(source: TopicPartition): Promise<NotedOffset | "fenced"> {
    return this.#using(source, async ({ position, note }) => ({ offset: position, note }));
  }

  async #using<T>(source: TopicPartition, work: (channel: Channel) => Promise<T>): Promise<T | "fenced"> {
    const id = partitionId(source);
    let channel = this.#channels.get(id);
    try {
      if (channel === undefined) {
        channel = await this.#open(source);
        this.#channels.set(id, channel);
      }
      return await work(channel);
    } catch (error) {
      this.#close(id);
      if (FENCED.has(errorType(error) ?? "")) return "fenced";
      throw kafkaError(error);
    }
  }

  forget(partitions: readonly TopicPartition[]): void {
    for (const tp of partitions) this.#close(partitionId(tp));
  }

  async close(): Promise<void> {
    for (const id of [...this.#channels.keys()]) this.#close(id);
    await this.#admin.disconnect();
  }

  async #open(source: TopicPartition): Promise<Channel> {
    const producer = this.#producerOf(`${this.#options.group}-${source.topic}-${source.partition}`);
    try {
      // An unfinished transaction of another holder is ended, its holder fenced. Only what is read after that is final.
      await producer.take();
      return { producer, ...(await this.#committed(source)) };
    } catch (error) {
      void producer.close().catch(() => undefined);
      throw error;
    }
  }

  async #committed(source: TopicPartition): Promise<{ position: number; note: string }> {
    const [committed] = await this.#admin.fetchOffsets({ groupId: this.#options.group, topics: [source.topic] });
    const at = committed?.partitions.find(({ partition }) => partition === source.partition);
    return { position: Number(at?.offset ?? "-1"), note: at?.metadata ?? "" };
  }

  async #commit(channel: Channel, source: TopicPartition, items: readonly TransactionItem[]): Promise<void> {
    const fresh = items.filter(({ offset }) => offset >= channel.position);
    const last = fresh.at(-1);
    if (last === undefined) return;
    const records = fresh.flatMap((item) => item.records);
    const parts = records.length === 0 ? [] : chunks(records, this.#options.request_bytes_max);
    const sends = parts.map((part) => ({ topics: byTopic(part), compression: compressionFor(sizeOf(part)) }));
    const offsets = {
      group: this.#options.group,
      topic: source.topic,
      partition: source.partition,
      offset: last.offset + 1,
      ...(last.note === undefined ? {} : { metadata: last.note }),
    };
    await timed("kafka", "transaction", () => channel.producer.publish(sends, offsets));
    channel.position = last.offset + 1;
    channel.note = last.note ?? "";
  }

  #close(id: string): void {
    const channel = this.#channels.get(id);
    this.#channels.delete(id);
    void channel?.producer.close().catch(() => undefined);
  }
}
