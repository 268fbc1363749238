/**
 * Reads of partitions without a group, by the brokers that lead them. kafkajs offers reading in groups alone, whose joining takes seconds;
 * underneath, its cluster finds a leader and its broker sends a fetch, which is all that is needed. Reads are `read_committed`.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import { SluiceError } from "../errors.ts";
import { errorType, kafkaError } from "./client.ts";
import { type Cluster, clusterOf } from "./cluster.ts";
import type { FetchAnswer } from "./fetched.ts";
import type { TopicPartition } from "./ports.ts";

type Broker = {
  fetch(request: {
    readonly isolationLevel: number;
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly {
        readonly partition: number;
        readonly fetchOffset: number;
        readonly maxBytes: number;
      }[];
    }[];
  }): Promise<{
    readonly responses: readonly { readonly topicName: string; readonly partitions: readonly FetchAnswer[] }[];
  }>;
};

type TopicOffsets = { readonly topic: string; readonly partitions: readonly { partition: number; offset: string }[] };

type ReadCluster = Cluster<Broker> & {
  fetchTopicsOffset(
    asked: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number }[];
      readonly fromBeginning?: boolean;
      readonly fromTimestamp?: number;
    }[],
  ): Promise<readonly TopicOffsets[]>;
};

const READ_COMMITTED = 1;
const METADATA_AGE_MS_MAX = 300_000;
/** How long a broker may wait for something to read. kafkajs gives the answer hardly more time, so less would fail on a busy machine. */
const FETCH_WAIT_MS = 5_000;
/** A leader moves in less; whoever reads waits for longer outages, with back-off of its own. */
const TRIES_MAX = 6;
const RETRY_MS = 100;

/** The first offset that is there, and the one behind the last that can be read: an open transaction stands before what follows. */
export type PartitionBounds = { readonly low: number; readonly end: number };

export class BrokerReads {
  readonly #cluster: ReadCluster;
  #connected: Promise<void> | undefined;

  constructor(kafka: Kafka) {
    this.#cluster = clusterOf<ReadCluster>(kafka, {
      metadataMaxAge: METADATA_AGE_MS_MAX,
      allowAutoTopicCreation: false,
      isolationLevel: READ_COMMITTED,
    });
  }

  /** By partition. @throws `usage` where there is no such topic; retryable while Kafka is away. */
  async bounds(topic: string): Promise<ReadonlyMap<number, PartitionBounds>> {
    return this.#trying(topic, async () => {
      const partitions = this.#partitions(topic);
      const [low, end] = await Promise.all([
        this.#offsets({ topic, partitions, fromBeginning: true }),
        this.#offsets({ topic, partitions, fromBeginning: false }),
      ]);
      return new Map(
        [...low]
          .sort(([one], [other]) => one - other)
          .map(([partition, first]) => [partition, { low: first, end: Math.max(first, end.get(partition) ?? first) }]),
      );
    });
  }

  /** By partition, the first offset written at or after the time; undefined where there is none. @throws as `bounds`. */
  async at(topic: string, time_ms: number): Promise<ReadonlyMap<number, number | undefined>> {
    return this.#trying(topic, async () => {
      const found = await this.#offsets({ topic, partitions: this.#partitions(topic), fromTimestamp: time_ms });
      return new Map([...found].map(([partition, offset]) => [partition, offset < 0 ? undefined : offset]));
    });
  }

  /**
   * What stands at and behind an offset, of `bytes_max` or somewhat more; waits some seconds where there is nothing.
   * @returns undefined where the log begins behind the offset or ends before it.
   * @throws as `bounds`.
   */
  async fetch(
    { topic, partition }: TopicPartition,
    offset: number,
    bytes_max: number,
  ): Promise<FetchAnswer | undefined> {
    return this.#trying(topic, async () => {
      const broker = await this.#leader(topic, partition);
      try {
        const { responses } = await broker.fetch({
          isolationLevel: READ_COMMITTED,
          maxWaitTime: FETCH_WAIT_MS,
          minBytes: 1,
          maxBytes: bytes_max,
          topics: [{ topic, partitions: [{ partition, fetchOffset: offset, maxBytes: bytes_max }] }],
        });
        // A broker that throttles answers with nothing at all.
        return responses[0]?.partitions[0] ?? { lastStableOffset: String(offset), messages: [] };
      } catch (error) {
        if (errorType(error) === "OFFSET_OUT_OF_RANGE") return undefined;
        throw error;
      }
    });
  }

  async close(): Promise<void> {
    await this.#connected?.catch(() => undefined);
    await this.#cluster.disconnect();
  }

  async #trying<T>(topic: string, work: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#connect();
        await this.#cluster.addTargetTopic(topic);
        return await work();
      } catch (error) {
        if (error instanceof SluiceError) throw error;
        if (errorType(error) === "UNKNOWN_TOPIC_OR_PARTITION") throw noTopic(topic);
        if (tries === TRIES_MAX) throw kafkaError(error);
        await sleep(RETRY_MS * tries);
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }

  #connect(): Promise<void> {
    this.#connected ??= this.#cluster.connect().catch((error: unknown) => {
      this.#connected = undefined;
      throw error;
    });
    return this.#connected;
  }

  #partitions(topic: string): { readonly partition: number }[] {
    const found = this.#cluster.findTopicPartitionMetadata(topic);
    if (found.length === 0) throw noTopic(topic);
    return found.map(({ partitionId }) => ({ partition: partitionId }));
  }

  async #leader(topic: string, partition: number): Promise<Broker> {
    const [nodeId] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
    if (nodeId === undefined) throw new SluiceError("usage", `${topic} has no partition ${partition}`);
    return this.#cluster.findBroker({ nodeId });
  }

  async #offsets(asked: Parameters<ReadCluster["fetchTopicsOffset"]>[0][number]): Promise<Map<number, number>> {
    const [found] = await this.#cluster.fetchTopicsOffset([asked]);
    return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  }
}

function noTopic(topic: string): SluiceError {
  return new SluiceError("usage", `there is no topic ${topic}`, {
    fix: "See `npx sluice topics` for those there are.",
  });
}
