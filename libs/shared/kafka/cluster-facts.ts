/** What the brokers say of topics and of themselves: for a look at whether they are fit for what Sluice keeps there. Changes nothing. */
import kafkajs, { type Admin, type Kafka } from "kafkajs";
import { kafkaError } from "./client.ts";

export type TopicFacts = {
  readonly topic: string;
  readonly partitions: number;
  /** The fewest of any partition. */
  readonly replicas: number;
  readonly in_sync: number;
  readonly config: Readonly<Record<string, string>>;
};

export type KafkaFacts = {
  readonly brokers: number;
  /** Of the controller; what it does not tell is missing. */
  readonly broker_config: Readonly<Record<string, string>>;
  /** Topics that are there, of those asked for. */
  readonly topics: readonly TopicFacts[];
};

const TOPIC_CONFIGS = ["min.insync.replicas", "retention.ms", "cleanup.policy", "max.message.bytes"];
const BROKER_CONFIGS = [
  "unclean.leader.election.enable",
  "auto.create.topics.enable",
  "offsets.retention.minutes",
  "replica.fetch.max.bytes",
];

/** @throws retryable when Kafka is away. */
export async function readClusterFacts(kafka: Kafka, wanted: readonly string[]): Promise<KafkaFacts> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const cluster = await admin.describeCluster();
    const there = new Set(await admin.listTopics());
    const names = wanted.filter((topic) => there.has(topic));
    const [topics, broker_config] = await Promise.all([
      topicFacts(admin, names),
      // Managed clusters may forbid it.
      brokerConfig(admin, cluster.controller ?? cluster.brokers[0]?.nodeId ?? 0).catch(() => ({})),
    ]);
    return { brokers: cluster.brokers.length, broker_config, topics };
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

async function topicFacts(admin: Admin, names: readonly string[]): Promise<TopicFacts[]> {
  if (names.length === 0) return [];
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  const [{ topics }, { resources }] = await Promise.all([
    admin.fetchTopicMetadata({ topics: [...names] }),
    admin.describeConfigs({
      includeSynonyms: false,
      resources: names.map((name) => ({ type, name, configNames: TOPIC_CONFIGS })),
    }),
  ]);
  const configs = new Map(resources.map((one) => [one.resourceName, textOf(one.configEntries)]));
  return topics.map(({ name, partitions }) => ({
    topic: name,
    partitions: partitions.length,
    replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    in_sync: Math.min(...partitions.map(({ isr }) => isr.length)),
    config: configs.get(name) ?? {},
  }));
}

async function brokerConfig(admin: Admin, node: number): Promise<Record<string, string>> {
  const resource = { type: kafkajs.ConfigResourceTypes.BROKER, name: String(node), configNames: BROKER_CONFIGS };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
  return textOf(resources[0]?.configEntries ?? []);
}

function textOf(entries: readonly { readonly configName: string; readonly configValue: string | null }[]) {
  return Object.fromEntries(
    entries.flatMap(({ configName, configValue }) => (configValue === null ? [] : [[configName, configValue]])),
  );
}
