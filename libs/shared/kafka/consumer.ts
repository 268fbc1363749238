/** A group member on kafkajs. It only fetches and commits; all else is the engine's. */
import type { Admin, Consumer, EachBatchPayload, Kafka } from "kafkajs";
import { type Clock, sleep } from "../clock.ts";
import type { Log } from "../log.ts";
import { coPartitioning } from "./assigner.ts";
import { kafkaError } from "./client.ts";
import { FetchPace } from "./fetch-pace.ts";
import { ownBytes, readHeaders } from "./message-parts.ts";
import type { ConsumerEvents, ConsumerPort, InRecord, PartitionOffset, TopicPartition } from "./ports.ts";
import { partitionId } from "./ports.ts";

export type ConsumerOptions = {
  readonly group: string;
  readonly topics: readonly string[];
  readonly log: Log;
  readonly clock: Clock;
  /** How long the group waits for a member that says nothing before it gives its partitions away. */
  readonly session_timeout_ms: number;
  /** The longest a fetch waits for data; also the longest a fully paused member sleeps before it looks again. */
  readonly fetch_wait_ms: number;
  readonly fetch_partition_bytes_max: number;
  /** The longest pause between two fetches under load, in which more is gathered; 0 for none. */
  readonly fetch_pause_ms_max: number;
  /** The pause is not in proportion to what handling takes: for a group that nobody waits for. */
  readonly patient?: boolean | undefined;
};

/** Partitions whose records are handed over at once; those of further ones wait for the pause. */
const DELIVERIES = 8;

/** How long a consumer has to say goodbye: one that hangs is left to itself, and is not listened to any more. */
const LEAVE_MS = 10_000;

export class KafkaConsumer implements ConsumerPort {
  readonly #options: ConsumerOptions;
  readonly #kafka: Kafka;
  readonly #paused = new Set<string>();
  #events: ConsumerEvents | undefined;
  /** The one that counts: what another one says is not heard. */
  #consumer: Consumer | undefined;
  #admin: Promise<Admin> | undefined;
  #member = "";
  #held: readonly TopicPartition[] = [];
  /** It joined, and its library has not torn it down since: it can be told to pause. */
  #joined = false;
  /** Counts starts and the stop: the last one counts. */
  #turn = 0;
  readonly #pace: FetchPace;
  /** Between the latest fetch and the next; undefined until the first of what was fetched is delivered. */
  #pause: Promise<void> | undefined;

  constructor(kafka: Kafka, options: ConsumerOptions) {
    this.#options = options;
    this.#kafka = kafka;
    this.#pace = new FetchPace(options.fetch_pause_ms_max, options.patient);
  }

  start(events: ConsumerEvents): Promise<void> {
    this.#events = events;
    return this.restart();
  }

  /** Where another restart or a stop comes in between, this one ends and leaves the rest to it. */
  async restart(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    await this.#close();
    if (turn !== this.#turn || this.#events === undefined) return;
    const consumer = this.#create();
    this.#consumer = consumer;
    this.#listen(consumer, this.#events);
    try {
      await consumer.connect();
      if (turn === this.#turn) await consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
      // What was closed meanwhile would connect again.
      if (turn !== this.#turn) return await consumer.disconnect();
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: DELIVERIES,
        eachBatch: (payload) => this.#deliver(consumer, payload),
      });
    } catch (error) {
      throw kafkaError(error);
    }
  }

  pause(topics: readonly string[]): void {
    for (const topic of topics) this.#paused.add(topic);
    if (this.#joined) this.#consumer?.pause(topics.map((topic) => ({ topic })));
  }

  resume(topics: readonly string[]): void {
    for (const topic of topics) this.#paused.delete(topic);
    if (this.#joined) this.#consumer?.resume(topics.map((topic) => ({ topic })));
  }

  handled(took_ms: number): void {
    this.#pace.handled(took_ms);
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    try {
      if (this.#consumer === undefined) throw new Error("the consumer is being started");
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
    this.#turn += 1;
    await this.#close();
  }

  #create(): Consumer {
    const { group, session_timeout_ms, fetch_wait_ms, fetch_partition_bytes_max } = this.#options;
    const consumer: Consumer = this.#kafka.consumer({
      groupId: group,
      partitionAssigners: [coPartitioning],
      sessionTimeout: session_timeout_ms,
      rebalanceTimeout: session_timeout_ms * 2,
      heartbeatInterval: Math.floor(session_timeout_ms / 5),
      maxWaitTimeInMs: fetch_wait_ms,
      maxBytesPerPartition: fetch_partition_bytes_max,
      allowAutoTopicCreation: false,
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 2_000,
        retries: 20,
        // One that was replaced while it hung must not come back to life and hold partitions.
        restartOnFailure: async () => this.#consumer === consumer,
      },
    });
    return consumer;
  }

  #listen(consumer: Consumer, events: ConsumerEvents): void {
    const { GROUP_JOIN, REBALANCING, CRASH, STOP, FETCH, HEARTBEAT, END_BATCH_PROCESS } = consumer.events;
    const heard = <T>(react: (payload: T) => void): ((event: { payload: T }) => void) => {
      return ({ payload }) => {
        if (this.#consumer === consumer) react(payload);
      };
    };
    consumer.on(
      GROUP_JOIN,
      heard(({ memberId, memberAssignment }) => this.#onJoin(consumer, memberId, memberAssignment, events)),
    );
    consumer.on(
      REBALANCING,
      heard(() => events.rebalancing()),
    );
    consumer.on(
      STOP,
      heard(() => {
        this.#joined = false;
      }),
    );
    consumer.on(
      CRASH,
      heard(({ error }) => {
        events.crashed();
        this.#options.log.warn({ group: this.#options.group, error }, "the consumer starts again");
      }),
    );
    const alive = heard(() => events.alive());
    consumer.on(FETCH, () => {
      this.#pause = undefined;
      alive({ payload: undefined });
    });
    consumer.on(HEARTBEAT, alive);
    consumer.on(
      END_BATCH_PROCESS,
      heard(({ topic, partition, batchSize, firstOffset, lastOffset }) => {
        events.alive();
        if (batchSize !== 0 || firstOffset === null) return;
        events.passed?.({ topic, partition }, Number(firstOffset), Number(lastOffset) + 1);
      }),
    );
  }

  /** Leaves the group and forgets all that was held. Never rejects, and waits for so long only. */
  async #close(): Promise<void> {
    const { clock } = this.#options;
    const [consumer, admin] = [this.#consumer, this.#admin];
    this.#consumer = undefined;
    this.#admin = undefined;
    this.#joined = false;
    this.#member = "";
    this.#held = [];
    const closing = [consumer?.disconnect(), admin?.then((connected) => connected.disconnect())];
    await new Promise<void>((resolve) => {
      const timer = clock.after(LEAVE_MS, resolve);
      void Promise.allSettled(closing).then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.#kafka.admin();
    await admin.connect();
    return admin;
  }

  /** The same member id means that no generation passed without us, so what we held and hold still was ours throughout. */
  #onJoin(
    consumer: Consumer,
    member: string,
    assignment: Readonly<Record<string, number[]>>,
    events: ConsumerEvents,
  ): void {
    const partitions = Object.entries(assignment).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    const held = new Set(member === this.#member ? this.#held.map(partitionId) : []);
    this.#member = member;
    this.#held = partitions;
    this.#joined = true;
    if (this.#paused.size > 0) consumer.pause([...this.#paused].map((topic) => ({ topic })));
    this.#options.log.info({ group: this.#options.group, partitions: partitions.length }, "joined the group");
    events.assigned(
      partitions,
      partitions.filter((tp) => held.has(partitionId(tp))),
    );
  }

  /** Resolves when the next fetch may go: kafkajs fetches again once all that it fetched is delivered. */
  async #deliver(consumer: Consumer, { batch, resolveOffset }: EachBatchPayload): Promise<void> {
    if (this.#consumer !== consumer) return;
    const { topic, partition } = batch;
    const records: InRecord[] = batch.messages.map((message) => ({
      topic,
      partition,
      offset: Number(message.offset),
      key: ownBytes(message.key),
      value: ownBytes(message.value),
      headers: readHeaders(message.headers),
      timestamp_ms: Number(message.timestamp),
    }));
    this.#events?.records(records);
    this.#events?.ends?.({ topic, partition }, Number(batch.highWatermark));
    const last = batch.messages.at(-1);
    if (last === undefined) return;
    resolveOffset(last.offset);
    const [behind, next] = [Number(last.offset) + 1, Number(batch.lastOffset()) + 1];
    if (behind < next) this.#events?.passed?.({ topic, partition }, behind, next);
    const { clock } = this.#options;
    this.#pace.took(records.length, clock.now_ms());
    const pause_ms = this.#pace.pause_ms(clock.now_ms());
    this.#pause ??= pause_ms > 0 ? sleep(clock, pause_ms) : Promise.resolve();
    await this.#pause;
  }
}
