/** A group member on kafkajs. It only fetches and commits; all else is the engine's. */
import type { Admin, Consumer, EachBatchPayload, IHeaders, Kafka } from "kafkajs";
import type { Log } from "../log.ts";
import { kafkaError } from "./client.ts";
import type {
  ConsumerEvents,
  ConsumerPort,
  InRecord,
  PartitionOffset,
  RecordHeaders,
  TopicPartition,
} from "./ports.ts";
import { partitionId } from "./ports.ts";

export type ConsumerOptions = {
  readonly group: string;
  readonly topics: readonly string[];
  readonly log: Log;
  /** How long the group waits for a member that says nothing before it gives its partitions away. */
  readonly session_timeout_ms: number;
  /** The longest a fetch waits for data; also the longest a fully paused member sleeps before it looks again. */
  readonly fetch_wait_ms: number;
  readonly fetch_partition_bytes_max: number;
};

export class KafkaConsumer implements ConsumerPort {
  readonly #options: ConsumerOptions;
  readonly #kafka: Kafka;
  readonly #consumer: Consumer;
  #admin: Promise<Admin> | undefined;
  #member = "";
  #held: readonly TopicPartition[] = [];

  constructor(kafka: Kafka, options: ConsumerOptions) {
    this.#options = options;
    this.#kafka = kafka;
    this.#consumer = kafka.consumer({
      groupId: options.group,
      sessionTimeout: options.session_timeout_ms,
      rebalanceTimeout: options.session_timeout_ms * 2,
      heartbeatInterval: Math.floor(options.session_timeout_ms / 5),
      maxWaitTimeInMs: options.fetch_wait_ms,
      maxBytesPerPartition: options.fetch_partition_bytes_max,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 20, restartOnFailure: async () => true },
    });
  }

  async start(events: ConsumerEvents): Promise<void> {
    const { GROUP_JOIN, REBALANCING, CRASH } = this.#consumer.events;
    this.#consumer.on(GROUP_JOIN, ({ payload }) => this.#joined(payload.memberId, payload.memberAssignment, events));
    this.#consumer.on(REBALANCING, () => events.rebalancing());
    this.#consumer.on(CRASH, ({ payload }) => {
      events.crashed();
      this.#options.log.warn({ group: this.#options.group, error: payload.error }, "the consumer starts again");
    });
    try {
      await this.#consumer.connect();
      await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
      await this.#consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async (payload) => this.#deliver(payload, events),
      });
    } catch (error) {
      throw kafkaError(error);
    }
  }

  pause(topics: readonly string[]): void {
    this.#consumer.pause(topics.map((topic) => ({ topic })));
  }

  resume(topics: readonly string[]): void {
    this.#consumer.resume(topics.map((topic) => ({ topic })));
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    try {
      await this.#consumer.commitOffsets(
        offsets.map(({ topic, partition, offset, metadata }) => ({
          topic,
          partition,
          offset: String(offset),
          metadata: metadata ?? null,
        })),
      );
    } catch (error) {
      throw kafkaError(error);
    }
  }

  async committed(partitions: readonly TopicPartition[]): Promise<PartitionOffset[]> {
    const wanted = new Set(partitions.map(partitionId));
    const topics = [...new Set(partitions.map(({ topic }) => topic))];
    try {
      this.#admin ??= this.#connectAdmin();
      const admin = await this.#admin;
      const answer = await admin.fetchOffsets({ groupId: this.#options.group, topics });
      return answer.flatMap(({ topic, partitions: offsets }) =>
        offsets.flatMap(({ partition, offset, metadata }) => {
          const known = Number(offset) >= 0 && wanted.has(partitionId({ topic, partition }));
          return known ? [{ topic, partition, offset: Number(offset), metadata: metadata ?? "" }] : [];
        }),
      );
    } catch (error) {
      this.#admin = undefined;
      throw kafkaError(error);
    }
  }

  async stop(): Promise<void> {
    await this.#consumer.disconnect();
    const admin = await this.#admin?.catch(() => undefined);
    await admin?.disconnect();
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }

  /** The same member id means that no generation passed without us, so what we held and hold still was ours throughout. */
  #joined(member: string, assignment: Readonly<Record<string, number[]>>, events: ConsumerEvents): void {
    const partitions = Object.entries(assignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    const held = new Set(member === this.#member ? this.#held.map(partitionId) : []);
    this.#member = member;
    this.#held = partitions;
    this.#options.log.info({ group: this.#options.group, partitions: partitions.length }, "joined the group");
    events.assigned(
      partitions,
      partitions.filter((tp) => held.has(partitionId(tp))),
    );
  }

  #deliver({ batch, resolveOffset }: EachBatchPayload, events: ConsumerEvents): void {
    const { topic, partition } = batch;
    const records: InRecord[] = batch.messages.map((message) => ({
      topic,
      partition,
      offset: Number(message.offset),
      key: message.key,
      value: message.value,
      headers: readHeaders(message.headers),
      timestamp_ms: Number(message.timestamp),
    }));
    events.records(records);
    const last = batch.messages.at(-1);
    if (last !== undefined) resolveOffset(last.offset);
  }
}

const NO_HEADERS: RecordHeaders = Object.freeze({});

/** Header values as text; of a repeated header, the last. */
export function readHeaders(headers: IHeaders | undefined): RecordHeaders {
  if (headers === undefined) return NO_HEADERS;
  const read: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) read[name] = last.toString();
  }
  return read;
}
