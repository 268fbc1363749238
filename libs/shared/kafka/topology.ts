/** Creates the topics that are missing and says what is there. It changes nothing that exists. */
import type { Admin, Kafka } from "kafkajs";
import type { Settings } from "../config/schema.ts";
import { topicNames } from "../events/topics.ts";
import { kafkaError } from "./client.ts";

export type TopicPlan = {
  readonly topic: string;
  readonly partitions: number;
  /** `auto`: the brokers' own default. */
  readonly replication_factor: number | "auto";
  readonly config: Readonly<Record<string, string>>;
};

const HOUR_MS = 3_600_000;
/** The longest month, and some days in which it can still be looked at. */
const LEDGER_HOURS_MIN = 40 * 24;
/** Room beside the request in a record: what the services add, and headers. */
const OVERHEAD_BYTES = 1024 * 1024;

/** Every topic that the settings ask for, by name. Pure. */
export function planTopics(settings: Settings): TopicPlan[] {
  const { prefix, retry_delays, record_bytes_max } = settings.topics;
  const names = topicNames(prefix);
  const bytes = String(record_bytes_max + OVERHEAD_BYTES);
  const work = [names.requests, names.admitted, ...Object.keys(settings.tiers).map((tier) => names.jobs(tier))];
  const flow = [
    ...work.flatMap((topic) => [topic, names.batch(topic)]),
    names.outcomes,
    names.results,
    ...retry_delays.map((delay) => names.retry(delay)),
    names.deferred,
  ];
  const compacted = { "cleanup.policy": "compact", "max.message.bytes": bytes };
  return [
    ...flow.map((topic) => plan(settings, topic, { "max.message.bytes": bytes })),
    // A dead letter is the original and headers that say why: it must fit whatever its topic took.
    plan(settings, names.dlq, { "max.message.bytes": String(record_bytes_max + 2 * OVERHEAD_BYTES) }),
    // A month's budget is restored from it (I8).
    plan(settings, names.usage, { "max.message.bytes": bytes }, undefined, LEDGER_HOURS_MIN),
    // Only closed segments are compacted, and every router that starts reads all that is there.
    plan(settings, names.cache, { ...compacted, "segment.ms": String(HOUR_MS) }),
    plan(settings, names.tenants, { ...compacted, "segment.ms": String(24 * HOUR_MS) }, 1),
    plan(settings, names.control, {}, 1),
    plan(settings, names.shadow, {}, 1),
  ];
}

/** A topic beside ours, for records of the flow. Pure. */
export function planTopic(settings: Settings, topic: string, partitions: number): TopicPlan {
  const { record_bytes_max, replication_factor, retention_hours } = settings.topics;
  const retention_ms = retention_hours < 0 ? -1 : retention_hours * HOUR_MS;
  const config = {
    ...inSync(settings),
    "retention.ms": String(retention_ms),
    "max.message.bytes": String(record_bytes_max + OVERHEAD_BYTES),
  };
  return { topic, partitions, replication_factor, config };
}

function inSync({ topics }: Settings): Record<string, string> {
  const { min_insync_replicas } = topics;
  return min_insync_replicas === "auto" ? {} : { "min.insync.replicas": String(min_insync_replicas) };
}

function plan(
  settings: Settings,
  topic: string,
  config: Record<string, string>,
  partitions?: number,
  hours_min = -1,
): TopicPlan {
  const { prefix, overrides, retention_hours, replication_factor } = settings.topics;
  const override = overrides[topic.slice(prefix.length)];
  const usual = retention_hours < 0 ? retention_hours : Math.max(retention_hours, hours_min);
  const hours = override?.retention_hours ?? usual;
  const retention =
    config["cleanup.policy"] === "compact" ? {} : { "retention.ms": String(hours < 0 ? -1 : hours * HOUR_MS) };
  return {
    topic,
    partitions: override?.partitions ?? partitions ?? settings.topics.partitions,
    replication_factor,
    config: { ...inSync(settings), ...retention, ...config },
  };
}

export type TopicState = {
  readonly topic: string;
  readonly partitions: number;
  readonly created: boolean;
  /** Partitions that the settings ask for, when the topic has another number: said, never changed. */
  readonly wanted_partitions?: number;
};

/** Creates what is missing and reports every planned topic. @throws retryable when the brokers are away. */
export async function ensureTopics(kafka: Kafka, settings: Settings): Promise<TopicState[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const plans = planTopics(settings);
    const existing = new Set(await admin.listTopics());
    const missing = plans.filter(({ topic }) => !existing.has(topic));
    if (missing.length > 0) await createTopics(admin, missing);
    const { topics } = await admin.fetchTopicMetadata({ topics: plans.map(({ topic }) => topic) });
    const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
    return plans.map(({ topic, partitions }) => {
      const actual = counts.get(topic) ?? partitions;
      const differs = actual === partitions ? {} : { wanted_partitions: partitions };
      return { topic, partitions: actual, created: !existing.has(topic), ...differs };
    });
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect();
  }
}

export async function createTopics(admin: Pick<Admin, "createTopics">, plans: readonly TopicPlan[]): Promise<void> {
  await admin.createTopics({
    waitForLeaders: true,
    topics: plans.map(({ topic, partitions, replication_factor, config }) => ({
      topic,
      numPartitions: partitions,
      // -1 asks for the broker's default (KIP-464).
      replicationFactor: replication_factor === "auto" ? -1 : replication_factor,
      configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
    })),
  });
}

/** How many partitions a topic has. @throws retryable when Kafka is away. */
export async function partitionCount(kafka: Kafka, topic: string): Promise<number> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]?.partitions.length ?? 0;
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
