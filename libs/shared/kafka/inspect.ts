/** Looks at topics and groups and changes nothing: what is there, how it differs from the plan, who is behind by how much. */
import kafkajs, { type Admin, type Kafka } from "kafkajs";
import { kafkaError } from "./client.ts";
import type { TopicPlan } from "./topology.ts";

export type GroupLag = {
  readonly group: string;
  /** Records between what the group committed and the end; everything that is there where it committed nothing. */
  readonly lag: number;
};

/** A setting of a topic that is not what the settings file asks for. */
export type Difference = { readonly setting: string; readonly wanted: string; readonly actual: string };

export type TopicReport = {
  readonly topic: string;
  readonly exists: boolean;
  /** False for a topic under the prefix that no setting asks for. */
  readonly planned: boolean;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string>>;
  /** Offsets in use: the high watermark less the log's start, over all partitions. */
  readonly records: number;
  readonly groups: readonly GroupLag[];
  readonly differences: readonly Difference[];
};

/** By partition. */
export type Offsets = ReadonlyMap<number, { readonly low: number; readonly high: number }>;
/** By topic, the partitions that a group has committed, or that a member of it holds (then without an offset). */
type Reading = Map<string, Map<number, number | undefined>>;
/** By group, then by topic, then by partition: the committed offset, undefined where there is none yet. */
export type GroupReadings = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<number, number | undefined>>>;

const CONFIGS = ["cleanup.policy", "retention.ms", "max.message.bytes", "segment.ms", "min.insync.replicas"];

export type InspectOptions = {
  readonly plans: readonly TopicPlan[];
  /** Topics under it are told of even when no setting asks for them. */
  readonly topic_prefix: string;
  /** Groups that count: by this prefix, those of views, of the command line and of replays left out. */
  readonly group_prefix: string;
};

/** Reports every planned topic, then those under the prefix that nothing asks for. @throws retryable when Kafka is away. */
export async function inspectTopics(kafka: Kafka, options: InspectOptions): Promise<TopicReport[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const names = new Set(await admin.listTopics());
    const planned = new Set(options.plans.map(({ topic }) => topic));
    const extra = [...names].filter((name) => name.startsWith(options.topic_prefix) && !planned.has(name)).sort();
    const existing = [...planned, ...extra].filter((name) => names.has(name));
    const [states, configs, offsets, groups] = await Promise.all([
      readPartitions(admin, existing),
      readConfigs(admin, existing),
      readOffsets(admin, existing),
      readGroups(admin, options.group_prefix),
    ]);
    const reportOf = (topic: string, plan?: TopicPlan): TopicReport => {
      const state = states.get(topic);
      const config = configs.get(topic) ?? {};
      if (state === undefined) return missing(topic, plan);
      return {
        topic,
        exists: true,
        planned: plan !== undefined,
        partitions: state.partitions,
        config,
        records: recordsIn(offsets.get(topic)),
        groups: lags(topic, offsets.get(topic) ?? new Map(), groups),
        differences: plan === undefined ? [] : differences(plan, { ...state, config }),
      };
    };
    return [...options.plans.map((plan) => reportOf(plan.topic, plan)), ...extra.map((topic) => reportOf(topic))];
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** The names of the topics that exist. @throws retryable when Kafka is away. */
export async function listTopics(kafka: Kafka): Promise<string[]> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    return await admin.listTopics();
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** What stands in the way of the plan's settings; settings that the plan does not name are not compared. Pure. */
export function differences(
  plan: TopicPlan,
  actual: { readonly partitions: number; readonly replication_factor: number; readonly config: Record<string, string> },
): Difference[] {
  const pairs: [string, string, string | undefined][] = [
    ["partitions", String(plan.partitions), String(actual.partitions)],
    ["replication_factor", String(plan.replication_factor), replicasOf(plan, actual.replication_factor)],
    ...Object.entries(plan.config).map(([name, wanted]): [string, string, string | undefined] => [
      name,
      wanted,
      actual.config[name],
    ]),
  ];
  return pairs.flatMap(([setting, wanted, found]) =>
    found === undefined || found === wanted ? [] : [{ setting, wanted, actual: found }],
  );
}

function replicasOf({ replication_factor }: TopicPlan, actual: number): string {
  return replication_factor === "auto" ? "auto" : String(actual);
}

/** Sums up how far each group that reads the topic is behind. Pure. */
export function lags(topic: string, offsets: Offsets, groups: ReadonlyMap<string, Reading>): GroupLag[] {
  return [...groups].flatMap(([group, reading]) => {
    const partitions = reading.get(topic);
    if (partitions === undefined) return [];
    let lag = 0;
    for (const [partition, { low, high }] of offsets) lag += Math.max(0, high - (partitions.get(partition) ?? low));
    return [{ group, lag }];
  });
}

function missing(topic: string, plan: TopicPlan | undefined): TopicReport {
  const { partitions = 0, config = {} } = plan ?? {};
  return { topic, exists: false, planned: true, partitions, config, records: 0, groups: [], differences: [] };
}

function recordsIn(offsets: Offsets | undefined): number {
  return [...(offsets?.values() ?? [])].reduce((sum, { low, high }) => sum + high - low, 0);
}

async function readPartitions(
  admin: Admin,
  topics: readonly string[],
): Promise<Map<string, { partitions: number; replication_factor: number }>> {
  if (topics.length === 0) return new Map();
  const { topics: found } = await admin.fetchTopicMetadata({ topics: [...topics] });
  return new Map(
    found.map(({ name, partitions }) => [
      name,
      { partitions: partitions.length, replication_factor: partitions[0]?.replicas.length ?? 0 },
    ]),
  );
}

async function readConfigs(admin: Admin, topics: readonly string[]): Promise<Map<string, Record<string, string>>> {
  if (topics.length === 0) return new Map();
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  const resources = topics.map((name) => ({ type, name, configNames: CONFIGS }));
  const { resources: found } = await admin.describeConfigs({ includeSynonyms: false, resources });
  return new Map(
    found.map(({ resourceName, configEntries }) => [
      resourceName,
      Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
}

/** Where each partition begins and ends. */
export async function readOffsets(admin: Admin, topics: readonly string[]): Promise<Map<string, Offsets>> {
  const entries = await Promise.all(
    topics.map(async (topic): Promise<[string, Offsets]> => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return [topic, new Map(offsets.map(({ partition, low, high }) => [partition, { low: +low, high: +high }]))];
    }),
  );
  return new Map(entries);
}

/** What the groups read, those of views and of the command line left out; a replay's group is its position in a stretch that has an end. */
async function readGroups(admin: Admin, prefix: string): Promise<Map<string, Reading>> {
  return (await readGroupStates(admin, prefix)).readings;
}

export type GroupStates = {
  readonly readings: Map<string, Reading>;
  /** How many members each group has, those that are joining as well. */
  readonly members: ReadonlyMap<string, number>;
};

/** What the groups read, and how many share it. */
export async function readGroupStates(admin: Admin, prefix: string): Promise<GroupStates> {
  const { groups } = await admin.listGroups();
  const ids = groups
    .map(({ groupId }) => groupId)
    .filter((id) => id.startsWith(prefix) && !id.startsWith("sluice.view.") && !id.startsWith(`${prefix}replay.`))
    .sort();
  if (ids.length === 0) return { readings: new Map(), members: new Map() };
  const [described, committed] = await Promise.all([
    admin.describeGroups(ids),
    Promise.all(ids.map((groupId) => admin.fetchOffsets({ groupId }))),
  ]);
  const readings = new Map<string, Reading>(ids.map((id) => [id, new Map()]));
  for (const { groupId, members } of described.groups) {
    for (const { memberAssignment } of members) {
      // Of a member that is still joining there is none.
      if (memberAssignment.length === 0) continue;
      const assignment = kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {};
      for (const [topic, partitions] of Object.entries(assignment)) {
        for (const partition of partitions) note(readings.get(groupId), topic, partition, undefined);
      }
    }
  }
  for (const [index, topics] of committed.entries()) {
    for (const { topic, partitions } of topics) {
      for (const { partition, offset } of partitions) {
        if (Number(offset) >= 0) note(readings.get(ids[index] ?? ""), topic, partition, Number(offset));
      }
    }
  }
  return { readings, members: new Map(described.groups.map(({ groupId, members }) => [groupId, members.length])) };
}

function note(reading: Reading | undefined, topic: string, partition: number, offset: number | undefined): void {
  const partitions = reading?.get(topic) ?? new Map<number, number | undefined>();
  partitions.set(partition, offset);
  reading?.set(topic, partitions);
}
