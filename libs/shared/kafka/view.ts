/** A view of a compacted topic: every instance reads the whole topic and follows it. It belongs to no shared group. */
import { randomUUID } from "node:crypto";
import type { Consumer, Kafka } from "kafkajs";
import type { Log } from "../log.ts";
import { kafkaError } from "./client.ts";
import { readHeaders } from "./consumer.ts";
import type { InRecord } from "./ports.ts";

export type ViewOptions = {
  readonly topic: string;
  readonly log: Log;
  /** Applies one record; a null value is a deletion. Must not throw. */
  readonly apply: (record: InRecord) => void | Promise<void>;
};

export class TopicView {
  readonly #kafka: Kafka;
  readonly #options: ViewOptions;
  readonly #consumer: Consumer;
  /** Offsets still to be reached before the view holds what was there at the start. */
  #behind = new Map<number, number>();
  #started = false;

  constructor(kafka: Kafka, options: ViewOptions) {
    this.#kafka = kafka;
    this.#options = options;
    // A group of its own that never commits: it is gone when the member is.
    this.#consumer = kafka.consumer({
      groupId: `sluice.view.${options.topic}.${randomUUID()}`,
      maxWaitTimeInMs: 500,
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 20, restartOnFailure: async () => true },
    });
  }

  /** True once everything that was on the topic at the start is applied. */
  get caught_up(): boolean {
    return this.#started && this.#behind.size === 0;
  }

  async start(): Promise<void> {
    const { topic, apply } = this.#options;
    try {
      this.#behind = await this.#ends();
      this.#started = true;
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topics: [topic], fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          for (const message of batch.messages) {
            await apply({
              topic,
              partition: batch.partition,
              offset: Number(message.offset),
              key: message.key,
              value: message.value,
              headers: readHeaders(message.headers),
              timestamp_ms: Number(message.timestamp),
            });
          }
          if (Number(batch.lastOffset()) + 1 >= (this.#behind.get(batch.partition) ?? 0))
            this.#behind.delete(batch.partition);
        },
      });
    } catch (error) {
      throw kafkaError(error);
    }
  }

  async stop(): Promise<void> {
    await this.#consumer.disconnect();
  }

  async #ends(): Promise<Map<number, number>> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const offsets = await admin.fetchTopicOffsets(this.#options.topic);
      return new Map(
        offsets
          .filter(({ high, low }) => Number(high) > Number(low))
          .map(({ partition, high }) => [partition, Number(high)]),
      );
    } finally {
      await admin.disconnect();
    }
  }
}
