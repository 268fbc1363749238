/**
 * Results on topics by tenant or label, each exactly once: what a partition's results become and the group's offset are one transaction
 * (I1, I2). Values are the bytes of `llm.results`, under its schema.
 */
import type { SinkSettings } from "../../../libs/shared/config/outputs.ts";
import { mayBecome, otherTopic, sinkTopic } from "../../../libs/shared/config/sink-topics.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { HandlerContext } from "../../../libs/shared/kafka/handler.ts";
import type { InRecord, OutRecord, TopicPartition, TransactionalPublisher } from "../../../libs/shared/kafka/ports.ts";
import type { TopicMaker } from "../../../libs/shared/kafka/topic-maker.ts";
import type { TopicPlan } from "../../../libs/shared/kafka/topology.ts";
import type { ReadRecord, Sink, SinkRecord } from "./sink.ts";

export type KafkaSinkOptions = {
  readonly settings: Extract<SinkSettings, { type: "kafka" }>;
  readonly transactions: TransactionalPublisher;
  readonly read: ReadRecord;
  readonly topics: TopicMaker;
  /** Of a topic that is made. */
  readonly plan: (topic: string) => TopicPlan;
};

export class KafkaSink implements Sink {
  readonly #options: KafkaSinkOptions;
  /** Topics of the pattern that there are; undefined until they are asked for. */
  #there: Set<string> | undefined;

  constructor(options: KafkaSinkOptions) {
    this.#options = options;
  }

  async take(source: TopicPartition, given: readonly InRecord[], context: HandlerContext): Promise<void> {
    const { transactions, read } = this.#options;
    const records = await Promise.all(given.map(read));
    const outs = await this.#outRecords(records);
    const items = records.map(({ record }, at) => {
      const out = outs[at];
      return { offset: record.offset, records: out === undefined ? [] : [out] };
    });
    let ended: "committed" | "fenced";
    try {
      ended = await transactions.publishOnce(source, items);
    } catch (error) {
      // Perhaps because a topic was removed: they are looked at anew.
      this.#there = undefined;
      throw error;
    }
    // Fenced and still assigned: the partition is ours, and so is the transactional id. Else it is another's work.
    if (ended === "fenced" && context.isAssigned(source)) {
      throw new SluiceError("producer_fenced", "another member took a transactional id of ours", { retryable: true });
    }
  }

  lost(partitions: readonly TopicPartition[]): void {
    this.#options.transactions.forget(partitions);
  }

  async close(): Promise<void> {}

  async #outRecords(records: readonly SinkRecord[]): Promise<(OutRecord | undefined)[]> {
    const { topic: pattern, label } = this.#options.settings;
    const wanted = records.map(({ result }) => {
      if (result === undefined) return undefined;
      const { tenant, metadata = {} } = result.head;
      const value = label !== undefined && Object.hasOwn(metadata, label) ? metadata[label] : undefined;
      return sinkTopic(pattern, { tenant, label: value });
    });
    const topics = await this.#topicsFor(new Set(wanted.filter((topic) => topic !== undefined)));
    return records.map(({ record: { key, value, headers } }, at) => {
      const topic = topics.get(wanted[at] ?? "");
      return topic === undefined ? undefined : { topic, key, value, headers };
    });
  }

  /** By the wanted name, the one that there is now: itself, or the one for what is too many. */
  async #topicsFor(wanted: ReadonlySet<string>): Promise<Map<string, string>> {
    const { settings, topics, plan } = this.#options;
    const other = otherTopic(settings.topic);
    this.#there ??= new Set((await topics.list()).filter((topic) => mayBecome(settings.topic, topic)));
    const there = this.#there;
    const missing = [...wanted].filter((topic) => !there.has(topic));
    // The one for all others counts too.
    const room = Math.max(0, settings.topics_max - there.size - (there.has(other) ? 0 : 1));
    const made = missing.slice(0, room);
    if (missing.length > made.length && !there.has(other)) made.push(other);
    if (made.length > 0) await topics.make(made.map(plan));
    for (const topic of made) there.add(topic);
    return new Map([...wanted].map((topic) => [topic, there.has(topic) ? topic : other]));
  }
}
