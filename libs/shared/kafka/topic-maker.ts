/** Topics that are made when they are first needed. */
import type { Kafka } from "kafkajs";
import { kafkaError } from "./client.ts";
import { createTopics, type TopicPlan } from "./topology.ts";

export interface TopicMaker {
  /** All there are. @throws retryable while Kafka is away. */
  list(): Promise<readonly string[]>;
  /** Those that are there already stay as they are. @throws retryable while Kafka is away. */
  make(plans: readonly TopicPlan[]): Promise<void>;
}

export class KafkaTopicMaker implements TopicMaker {
  readonly #kafka: Kafka;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  list(): Promise<readonly string[]> {
    return this.#asking((admin) => admin.listTopics());
  }

  async make(plans: readonly TopicPlan[]): Promise<void> {
    await this.#asking((admin) => createTopics(admin, plans));
  }

  async #asking<T>(ask: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      return await ask(admin);
    } catch (error) {
      throw kafkaError(error);
    } finally {
      await admin.disconnect().catch(() => undefined);
    }
  }
}
