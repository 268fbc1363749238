/**
 * Transactions of one transactional id (KIP-98), on kafkajs's brokers and not its producer. That one sends to all leaders side by side and,
 * where one of them fails, takes stock while the others still answer: what these write is written again under new sequence numbers, and
 * where a partition has moved to a leader that has answered already, its records are left out. With one broker neither happens.
 *
 * - All partitions of a send are announced to the coordinator before the first record goes out.
 * - A batch keeps its sequence number over every repeat, so a broker drops what it has already.
 * - What may pass (a leader or coordinator that moves) is tried again until the transaction is about to time out; what then remains is the
 *   caller's: close, and begin anew, which fences this one.
 */
import { setTimeout as sleep } from "node:timers/promises";
import kafkajs, { type CompressionTypes, type Kafka, type Message } from "kafkajs";
import { type Cluster, clusterOf } from "./cluster.ts";
import { forgetCoordinators } from "./coordinator-cache.ts";
import { mayPass } from "./passing.ts";

export type TransactionOffsets = {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly metadata?: string;
};

export type TopicMessages = { readonly topic: string; readonly messages: readonly Message[] };
export type SendChunk = { readonly topics: readonly TopicMessages[]; readonly compression: CompressionTypes };

/** What a partition's transactions need; the simulation has one of its own. */
export interface OnceProducer {
  /** Takes the transactional id: an unfinished transaction of another holder is ended and its holder fenced. */
  take(): Promise<void>;
  /** All chunks and the offset in one transaction. Rejects with an unknown outcome: whoever takes the id next knows it. */
  publish(chunks: readonly SendChunk[], offsets: TransactionOffsets): Promise<void>;
  close(): Promise<void>;
}

type Identity = { readonly producerId: unknown; readonly producerEpoch: number };
type Txn = Identity & { readonly transactionalId: string };
type TopicPartitions = { readonly topic: string; readonly partitions: readonly number[] };

type Broker = {
  initProducerId(of: { transactionalId: string; transactionTimeout: number }): Promise<Identity>;
  addPartitionsToTxn(of: Txn & { topics: readonly TopicPartitions[] }): Promise<unknown>;
  addOffsetsToTxn(of: Txn & { groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    of: Txn & {
      groupId: string;
      topics: readonly {
        topic: string;
        partitions: readonly { partition: number; offset: string; metadata?: string }[];
      }[];
    },
  ): Promise<unknown>;
  endTxn(of: Txn & { transactionResult: boolean }): Promise<unknown>;
  produce(
    of: Txn & {
      acks: number;
      timeout: number;
      compression: CompressionTypes;
      topicData: readonly { topic: string; partitions: readonly Batch[] }[];
    },
  ): Promise<unknown>;
};

/** Records of one partition with the sequence number of their first. */
type Batch = { readonly partition: number; readonly firstSequence: number; readonly messages: readonly Message[] };

const GROUP = 0;
const TRANSACTION = 1;
const METADATA_AGE_MS_MAX = 300_000;
const PRODUCE_TIMEOUT_MS = 30_000;
const RETRY_MS_MIN = 5;
const RETRY_MS_MAX = 500;
/** Sequence numbers are 31 bits wide and begin again at 0. */
const SEQUENCES = 2 ** 31;
/** Of the time that the broker lets a transaction stand open; the rest is for its end. */
const TRYING = 0.6;

export class TransactionalProducer implements OnceProducer {
  readonly #cluster: Cluster<Broker>;
  readonly #id: string;
  readonly #timeout_ms: number;
  readonly #partitionOf = kafkajs.Partitioners.DefaultPartitioner();
  readonly #sequences = new Map<string, number>();
  #identity: Identity | undefined;

  constructor(kafka: Kafka, transactional_id: string, timeout_ms: number) {
    this.#id = transactional_id;
    this.#timeout_ms = timeout_ms;
    this.#cluster = clusterOf<Cluster<Broker>>(kafka, {
      metadataMaxAge: METADATA_AGE_MS_MAX,
      allowAutoTopicCreation: false,
      isolationLevel: 1,
    });
  }

  async take(): Promise<void> {
    await this.#cluster.connect();
    await this.#cluster.refreshMetadata();
    this.#identity = await this.#asking(TRANSACTION, this.#id, this.#deadline(), (broker) =>
      broker.initProducerId({ transactionalId: this.#id, transactionTimeout: this.#timeout_ms }),
    );
  }

  async publish(chunks: readonly SendChunk[], offsets: TransactionOffsets): Promise<void> {
    const until_ms = this.#deadline();
    let begun = false;
    try {
      for (const chunk of chunks) {
        const batches = await this.#batches(chunk, until_ms);
        begun = true;
        await this.#announce(batches, until_ms);
        await this.#send(batches, chunk.compression, until_ms);
      }
      begun = true;
      await this.#sendOffsets(offsets, until_ms);
    } catch (error) {
      if (begun) await this.#end(false, this.#deadline()).catch(() => undefined);
      throw error;
    }
    await this.#end(true, this.#deadline());
  }

  async close(): Promise<void> {
    await this.#cluster.disconnect();
  }

  /** Monotonic. */
  #deadline(): number {
    return performance.now() + this.#timeout_ms * TRYING;
  }

  get #txn(): Txn {
    if (this.#identity === undefined) throw new Error("the transactional id was not taken");
    return { transactionalId: this.#id, ...this.#identity };
  }

  /** By topic and partition; the sequence numbers are given here, once. */
  async #batches({ topics }: SendChunk, until_ms: number): Promise<Map<string, Batch[]>> {
    await this.#trying(until_ms, async () => {
      await this.#cluster.addMultipleTargetTopics(topics.map(({ topic }) => topic));
      await this.#cluster.refreshMetadataIfNecessary();
    });
    const batches = new Map<string, Batch[]>();
    for (const { topic, messages } of topics) {
      const partitionMetadata = [...this.#cluster.findTopicPartitionMetadata(topic)];
      const by_partition = new Map<number, Message[]>();
      for (const message of messages) {
        const partition = this.#partitionOf({ topic, partitionMetadata, message });
        const others = by_partition.get(partition);
        if (others === undefined) by_partition.set(partition, [message]);
        else others.push(message);
      }
      const found = [...by_partition].map(([partition, own]) => {
        const name = `${topic}/${partition}`;
        const firstSequence = this.#sequences.get(name) ?? 0;
        this.#sequences.set(name, (firstSequence + own.length) % SEQUENCES);
        return { partition, firstSequence, messages: own };
      });
      batches.set(topic, found);
    }
    return batches;
  }

  async #announce(batches: ReadonlyMap<string, readonly Batch[]>, until_ms: number): Promise<void> {
    const topics = [...batches].map(([topic, found]) => ({
      topic,
      partitions: found.map(({ partition }) => partition),
    }));
    await this.#asking(TRANSACTION, this.#id, until_ms, (broker) =>
      broker.addPartitionsToTxn({ ...this.#txn, topics }),
    );
  }

  /** Each partition on its own: to whoever leads it at the time, until it is taken. */
  async #send(
    batches: ReadonlyMap<string, readonly Batch[]>,
    compression: CompressionTypes,
    until_ms: number,
  ): Promise<void> {
    let left = [...batches].flatMap(([topic, found]) => found.map((batch) => ({ topic, batch })));
    let failure: unknown;
    await this.#trying(until_ms, async () => {
      const by_leader = new Map<string, typeof left>();
      for (const one of left) {
        const leader = this.#leaderOf(one.topic, one.batch.partition);
        const others = by_leader.get(leader);
        if (others === undefined) by_leader.set(leader, [one]);
        else others.push(one);
      }
      failure = undefined;
      const ended = await Promise.all(
        [...by_leader].map(async ([nodeId, own]) => {
          try {
            await this.#produce(nodeId, own, compression);
            return [];
          } catch (error) {
            // What will not pass is what counts.
            if (failure === undefined || mayPass(failure)) failure = error;
            return own;
          }
        }),
      );
      left = ended.flat();
      if (failure !== undefined) throw failure;
    });
  }

  #leaderOf(topic: string, partition: number): string {
    const [leader = "-1"] = Object.keys(this.#cluster.findLeaderForPartitions(topic, [partition]));
    return leader;
  }

  async #produce(
    nodeId: string,
    own: readonly { readonly topic: string; readonly batch: Batch }[],
    compression: CompressionTypes,
  ): Promise<void> {
    const broker = await this.#cluster.findBroker({ nodeId });
    const topics = new Map<string, Batch[]>();
    for (const { topic, batch } of own) topics.set(topic, [...(topics.get(topic) ?? []), batch]);
    const topicData = [...topics].map(([topic, partitions]) => ({ topic, partitions }));
    await broker.produce({ ...this.#txn, acks: -1, timeout: PRODUCE_TIMEOUT_MS, compression, topicData });
  }

  async #sendOffsets(offsets: TransactionOffsets, until_ms: number): Promise<void> {
    const { group: groupId, topic, partition, offset, metadata } = offsets;
    await this.#asking(TRANSACTION, this.#id, until_ms, (broker) => broker.addOffsetsToTxn({ ...this.#txn, groupId }));
    const note = metadata === undefined ? {} : { metadata };
    const topics = [{ topic, partitions: [{ partition, offset: String(offset), ...note }] }];
    await this.#asking(GROUP, groupId, until_ms, (broker) => broker.txnOffsetCommit({ ...this.#txn, groupId, topics }));
  }

  async #end(commit: boolean, until_ms: number): Promise<void> {
    await this.#asking(TRANSACTION, this.#id, until_ms, (broker) =>
      broker.endTxn({ ...this.#txn, transactionResult: commit }),
    );
  }

  /** Every one of these requests may be repeated: the coordinator knows what it was told. */
  #asking<T>(
    coordinatorType: number,
    groupId: string,
    until_ms: number,
    ask: (broker: Broker) => Promise<T>,
  ): Promise<T> {
    return this.#trying(until_ms, async () => {
      const broker = await this.#cluster.findGroupCoordinator({ groupId, coordinatorType });
      return ask(broker);
    });
  }

  async #trying<T>(until_ms: number, work: () => Promise<T>): Promise<T> {
    for (let wait_ms = RETRY_MS_MIN; ; wait_ms = Math.min(2 * wait_ms, RETRY_MS_MAX)) {
      try {
        return await work();
      } catch (error) {
        const { passes, moved } = verdict(error);
        if (!passes || performance.now() + wait_ms > until_ms) throw error;
        await sleep(wait_ms);
        if (!moved) continue;
        forgetCoordinators();
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }
}

/** Whether it may pass, and whether somebody else may lead or coordinate by now. */
function verdict(error: unknown): { passes: boolean; moved: boolean } {
  const type = (error as { type?: unknown }).type;
  // The transaction before is being finished, or the coordinator writes: it is there.
  return { passes: mayPass(error), moved: type !== "CONCURRENT_TRANSACTIONS" };
}
