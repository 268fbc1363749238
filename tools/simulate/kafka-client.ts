/**
 * The client library as `libs/shared/kafka` uses it, on the simulated broker: the real adapters run on top, so that they are
 * simulated too. Behaviour follows kafkajs 2.2.4 (its `src/producer`, `src/consumer`).
 */
import type { KafkaConsumer } from "../../libs/shared/kafka/consumer.ts";
import type { InRecord, OutRecord } from "../../libs/shared/kafka/ports.ts";
import type { SimulatedCluster } from "./cluster.ts";
import { type ClientConsumerOptions, SimulatedConsumer } from "./kafka-consumer.ts";
import type { LogPartition } from "./log.ts";
import type { SimulatedProcess } from "./process.ts";
import { timedOut } from "./protocol.ts";
import type { ProducerEpoch } from "./transactions.ts";

/** What the adapters take. They know it by the library's own type, of which only what they call is here. */
export type KafkaClient = ConstructorParameters<typeof KafkaConsumer>[0];

export type ClientOptions = {
  readonly process: SimulatedProcess;
  readonly cluster: SimulatedCluster;
  /** Told what each fetch brought to a member, before it is delivered. */
  readonly onFetch?: (records: readonly InRecord[]) => void;
};

type Messages = readonly {
  readonly topic: string;
  readonly messages: readonly Omit<OutRecord, "topic">[];
}[];
type TopicOffsets = {
  readonly consumerGroupId: string;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }[];
};

/** A client of one process. */
export function createClient(options: ClientOptions): KafkaClient {
  const client = {
    producer: ({
      transactionalId,
      transactionTimeout = 60_000,
    }: {
      transactionalId?: string;
      transactionTimeout?: number;
    }) =>
      transactionalId === undefined
        ? new PlainProducer(options)
        : new TransactionalProducer(options, transactionalId, transactionTimeout),
    consumer: (settings: ClientConsumerOptions) => new SimulatedConsumer(options, settings),
    admin: () => new AdminClient(options),
  };
  return client as unknown as KafkaClient;
}

class PlainProducer {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async connect(): Promise<void> {}

  async disconnect(): Promise<void> {}

  /** One request to each partition's leader: when one is lost, others may have been written. */
  async sendBatch({ topicMessages }: { topicMessages: Messages }): Promise<void> {
    const { process, cluster } = this.#options;
    const records = flatten(topicMessages);
    const some = (): void => {
      const written = new Map<LogPartition, boolean>();
      for (const record of records) {
        const partition = cluster.log.partitionFor(record);
        if (!written.has(partition)) written.set(partition, process.random.chance(0.5));
        if (written.get(partition)) cluster.log.append(record);
      }
    };
    const all = (): void => {
      for (const record of records) cluster.log.append(record);
    };
    await process.call("produce", all, { lost: timedOut, partly: some });
  }
}

class TransactionalProducer {
  readonly #options: ClientOptions;
  readonly #id: string;
  readonly #timeout_ms: number;
  #holder: ProducerEpoch | undefined;
  #active = false;

  constructor(options: ClientOptions, id: string, timeout_ms: number) {
    this.#options = options;
    this.#id = id;
    this.#timeout_ms = timeout_ms;
  }

  async connect(): Promise<void> {}

  async disconnect(): Promise<void> {}

  async transaction(): Promise<Transaction> {
    if (this.#active) throw new Error("there is already an ongoing transaction for this producer");
    const { process, cluster } = this.#options;
    // The producer id is initialised once; only the first transaction fences.
    this.#holder ??= await process.call("initialise the producer id", () => cluster.transactions.init(this.#id), {
      lost: timedOut,
    });
    this.#active = true;
    return new Transaction(this.#options, this.#holder, this.#timeout_ms, () => {
      this.#active = false;
    });
  }
}

class Transaction {
  readonly #options: ClientOptions;
  readonly #holder: ProducerEpoch;
  readonly #timeout_ms: number;
  readonly #ended: () => void;
  #ongoing = false;
  #active = true;

  constructor(options: ClientOptions, holder: ProducerEpoch, timeout_ms: number, ended: () => void) {
    this.#options = options;
    this.#holder = holder;
    this.#timeout_ms = timeout_ms;
    this.#ended = ended;
  }

  async sendBatch({ topicMessages }: { topicMessages: Messages }): Promise<void> {
    const { process, cluster } = this.#options;
    this.#assertActive();
    this.#ongoing = true;
    const records = flatten(topicMessages);
    await process.call(
      "produce in a transaction",
      () => cluster.transactions.produce(this.#holder, records, this.#timeout_ms),
      { lost: timedOut },
    );
  }

  async sendOffsets({ consumerGroupId, topics }: TopicOffsets): Promise<void> {
    const { process, cluster } = this.#options;
    this.#assertActive();
    this.#ongoing = true;
    const offsets = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
    );
    const group = cluster.group(consumerGroupId);
    await process.call(
      "add offsets to a transaction",
      () => cluster.transactions.addOffsets(this.#holder, group, offsets, this.#timeout_ms),
      { lost: timedOut },
    );
  }

  async commit(): Promise<void> {
    await this.#end(true);
  }

  async abort(): Promise<void> {
    await this.#end(false);
  }

  async #end(commit: boolean): Promise<void> {
    this.#assertActive();
    this.#active = false;
    const { process, cluster } = this.#options;
    if (this.#ongoing) {
      const what = commit ? "commit a transaction" : "abort a transaction";
      await process.call(what, () => cluster.transactions.end(this.#holder, commit), { lost: timedOut });
    }
    this.#ended();
  }

  #assertActive(): void {
    if (!this.#active) throw new Error("cannot continue to use a transaction once ended");
  }
}

class AdminClient {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  async connect(): Promise<void> {}

  async disconnect(): Promise<void> {}

  fetchOffsets({ groupId, topics }: { groupId: string; topics: readonly string[] }): Promise<unknown> {
    const { process, cluster } = this.#options;
    const group = cluster.group(groupId);
    const read = () =>
      topics.map((topic) => ({
        topic,
        partitions: cluster.log.partitions(topic).map(({ number }) => {
          const committed = group.committed({ topic, partition: number });
          return { partition: number, offset: String(committed?.offset ?? -1), metadata: committed?.metadata ?? null };
        }),
      }));
    return process.call("read committed offsets", read, { lost: timedOut });
  }
}

function flatten(topicMessages: Messages): OutRecord[] {
  return topicMessages.flatMap(({ topic, messages }) => messages.map((message) => ({ ...message, topic })));
}
