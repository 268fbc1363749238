/**
 * How each partition of some groups stands, and who holds it: committed offset, end, age of the oldest record that is not finished. Told from
 * outside, as `backlog.ts` tells the sums of it. Changes nothing, and reads no record.
 */
import kafkajs, { type Admin, type Kafka } from "kafkajs";
import { behindOf } from "./backlog.ts";
import { kafkaError } from "./client.ts";
import { readOffsets } from "./inspect.ts";

export type PartitionLook = {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
  /** The next offset that will be written. */
  readonly end: number;
  /** The next one to be finished; what retention took counts as finished. */
  readonly at: number;
  /** Of the record at `at`, rounded down by a third at the most; 0 where there is none, or it is younger than a second. */
  readonly oldest_age_ms: number;
  /** The client id of the member that holds it. */
  readonly member: string | null;
};

export type MemberLook = { readonly group: string; readonly client_id: string; readonly partitions: number };

export type GroupsLook = {
  readonly at_ms: number;
  readonly partitions: readonly PartitionLook[];
  /** Those without a partition too. */
  readonly members: readonly MemberLook[];
  /** Groups whose members are being counted anew: who holds what is not known. */
  readonly rebalancing: readonly string[];
};

/** What a group reads. */
export type GroupTopics = { readonly group: string; readonly topics: readonly string[] };

const AGE_MS_MIN = 1_000;
/** Some two hours: older is as bad. */
const AGE_STEPS_MAX = 23;
const AGE_FACTOR = 1.5;

/** @throws retryable when Kafka is away. */
export async function readPartitionLoads(
  kafka: Kafka,
  groups: readonly GroupTopics[],
  now_ms: () => number,
): Promise<GroupsLook> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const known = groups.map(({ group, topics }) => ({ group, topics: topics.filter((topic) => there.has(topic)) }));
    const names = known.map(({ group }) => group);
    const topics = [...new Set(known.flatMap((one) => one.topics))];
    const [offsets, described, committed] = await Promise.all([
      readOffsets(admin, topics),
      admin.describeGroups(names),
      Promise.all(names.map((groupId) => admin.fetchOffsets({ groupId }))),
    ]);
    const at_ms = now_ms();
    const holders = holdersOf(described.groups);
    const partitions: PartitionLook[] = [];
    for (const [index, { group, topics: own }] of known.entries()) {
      const finished = committedOf(committed[index] ?? []);
      for (const topic of own) {
        const ends = offsets.get(topic) ?? new Map();
        const behind = behindOf(ends, finished.get(topic) ?? new Map());
        const ages = await agesOf(behind, (age_ms) => offsetsAtTime(admin, topic, Math.round(at_ms - age_ms)));
        for (const [partition, { high }] of ends) {
          const at = behind.find((one) => one.partition === partition)?.at ?? high;
          const member = holders.of.get(`${group}/${topic}/${partition}`) ?? null;
          partitions.push({ group, topic, partition, end: high, at, oldest_age_ms: ages.get(partition) ?? 0, member });
        }
      }
    }
    return { at_ms, partitions, members: holders.members, rebalancing: holders.rebalancing };
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/**
 * How old each partition's next record is: asked at ages that grow by a half each, until none is older.
 * @param offsetsAt by partition the first offset of that age or younger.
 */
export async function agesOf(
  behind: readonly { readonly partition: number; readonly at: number }[],
  offsetsAt: (age_ms: number) => Promise<ReadonlyMap<number, number>>,
): Promise<ReadonlyMap<number, number>> {
  const ages = new Map<number, number>();
  let left = behind;
  let age_ms = AGE_MS_MIN;
  for (let step = 0; step < AGE_STEPS_MAX && left.length > 0; step += 1) {
    const first = await offsetsAt(age_ms);
    left = left.filter(({ partition, at }) => at < (first.get(partition) ?? 0));
    for (const { partition } of left) ages.set(partition, age_ms);
    age_ms *= AGE_FACTOR;
  }
  return ages;
}

type Described = Awaited<ReturnType<Admin["describeGroups"]>>["groups"];

function holdersOf(groups: Described) {
  const of = new Map<string, string>();
  const members: MemberLook[] = [];
  for (const { groupId, members: own } of groups) {
    for (const { clientId, memberAssignment } of own) {
      // Of a member that is still joining there is none.
      const assignment =
        memberAssignment.length === 0
          ? {}
          : (kafkajs.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {});
      let partitions = 0;
      for (const [topic, held] of Object.entries(assignment)) {
        partitions += held.length;
        for (const partition of held) of.set(`${groupId}/${topic}/${partition}`, clientId);
      }
      members.push({ group: groupId, client_id: clientId, partitions });
    }
  }
  const rebalancing = groups.filter(({ state }) => REBALANCING.has(state)).map(({ groupId }) => groupId);
  return { of, members, rebalancing };
}

const REBALANCING: ReadonlySet<string> = new Set(["PreparingRebalance", "CompletingRebalance"]);

type Committed = Awaited<ReturnType<Admin["fetchOffsets"]>>;

function committedOf(topics: Committed): ReadonlyMap<string, ReadonlyMap<number, number>> {
  return new Map(
    topics.map(({ topic, partitions }) => [
      topic,
      new Map(partitions.flatMap(({ partition, offset }) => (Number(offset) < 0 ? [] : [[partition, Number(offset)]]))),
    ]),
  );
}

async function offsetsAtTime(
  admin: Pick<Admin, "fetchTopicOffsetsByTimestamp">,
  topic: string,
  at_ms: number,
): Promise<ReadonlyMap<number, number>> {
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, at_ms);
  return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
}
