/**
 * How far each consumer group is behind, and how old the oldest record is that it has not finished: told from outside, by committed
 * offsets and by which offset the broker has for which time. Changes nothing, and reads no record.
 */
import type { Admin, Kafka } from "kafkajs";
import { kafkaError } from "./client.ts";
import { type GroupReadings, type Offsets, readGroupStates, readOffsets } from "./inspect.ts";

export type Backlog = {
  readonly group: string;
  readonly topic: string;
  /** Records between what the group committed and the end. */
  readonly lag: number;
  /** Of the record at the committed offset, rounded down to an eighth of a power of two; null where it is not known. */
  readonly oldest_age_ms: number | null;
};

export type BacklogReport = {
  readonly backlogs: readonly Backlog[];
  /** The sum of all partitions' ends, by topic: what has ever been written. */
  readonly ends: ReadonlyMap<string, number>;
};

export type BacklogOptions = {
  readonly group_prefix: string;
  /** Topics under it alone. */
  readonly topic_prefix: string;
  /** Groups that count though nobody may have been a member yet, with their topics: they have all of them before them. */
  readonly expected?: ReadonlyMap<string, readonly string[]>;
};

export type BrokerReport = BacklogReport & {
  /** How many partitions each topic has. */
  readonly partitions: ReadonlyMap<string, number>;
  /** Of each group that the broker knows. */
  readonly members: ReadonlyMap<string, number>;
};

/** Questions to the broker for one report. */
const PROBES_MAX = 150;
const AGE_MS_MIN = 1_000;
/** Some twelve days: what is older counts as that. */
const AGE_MS_MAX = AGE_MS_MIN * 2 ** 20;
const REFINEMENTS = 3;

/** @throws retryable when Kafka is away. */
export async function readBacklog(kafka: Kafka, options: BacklogOptions, now_ms: number): Promise<BrokerReport> {
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { readings, members } = await readGroupStates(admin, options.group_prefix);
    const groups = withExpected(readings, options.expected);
    const read = new Set([...groups.values()].flatMap((topics) => [...topics.keys()]));
    const there = new Set(await admin.listTopics());
    const topics = [...read].filter((topic) => topic.startsWith(options.topic_prefix) && there.has(topic)).sort();
    const offsets = await readOffsets(admin, topics);
    return {
      backlogs: await backlogsOf(admin, topics, groups, offsets, now_ms),
      ends: endsOf(offsets),
      partitions: new Map([...offsets].map(([topic, ends]) => [topic, ends.size])),
      members,
    };
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** What a group has not read at all is before it from the beginning, as for a first member. Pure. */
export function withExpected(
  readings: GroupReadings,
  expected: ReadonlyMap<string, readonly string[]> = new Map(),
): GroupReadings {
  const all = new Map(readings);
  for (const [group, topics] of expected) {
    const nothing = topics.map((topic): [string, ReadonlyMap<number, undefined>] => [topic, new Map()]);
    all.set(
      group,
      new Map<string, ReadonlyMap<number, number | undefined>>([...nothing, ...(readings.get(group) ?? [])]),
    );
  }
  return all;
}

async function backlogsOf(
  admin: Pick<Admin, "fetchTopicOffsetsByTimestamp">,
  topics: readonly string[],
  groups: GroupReadings,
  offsets: ReadonlyMap<string, Offsets>,
  now_ms: number,
): Promise<Backlog[]> {
  let probes = 0;
  // Topics side by side: a broker that is slow to answer is asked many things at once.
  const of_topic = async (topic: string): Promise<Backlog[]> => {
    const ends: Offsets = offsets.get(topic) ?? new Map();
    // Groups of one topic ask alike.
    const asked = new Map<number, Promise<ReadonlyMap<number, number>>>();
    const offsetsAt = (age_ms: number): Promise<ReadonlyMap<number, number>> | undefined => {
      const known = asked.get(age_ms);
      if (known !== undefined || probes >= PROBES_MAX) return known;
      probes += 1;
      const asking = offsetsAtTime(admin, topic, now_ms - age_ms);
      asked.set(age_ms, asking);
      return asking;
    };
    const backlogs: Backlog[] = [];
    for (const [group, readings] of groups) {
      const committed = readings.get(topic);
      if (committed === undefined) continue;
      const behind = behindOf(ends, committed);
      const lag = behind.reduce((sum, { records }) => sum + records, 0);
      backlogs.push({ group, topic, lag, oldest_age_ms: behind.length === 0 ? 0 : await oldestAge(behind, offsetsAt) });
    }
    return backlogs;
  };
  return (await Promise.all(topics.map(of_topic))).flat();
}

export type Behind = { readonly partition: number; readonly at: number; readonly records: number };

/** Partitions of which the group has not finished all. Pure. */
export function behindOf(ends: Offsets, committed: ReadonlyMap<number, number | undefined>): Behind[] {
  return [...ends].flatMap(([partition, { low, high }]) => {
    // What retention took is not there to be finished.
    const at = Math.max(low, committed.get(partition) ?? low);
    return high > at ? [{ partition, at, records: high - at }] : [];
  });
}

/**
 * How old the oldest of the partitions' next records is: twice as far back until none is older, then halves between.
 * @param offsetsAt by partition the first offset of that age or younger; undefined where no more may be asked.
 */
export async function oldestAge(
  behind: readonly Behind[],
  offsetsAt: (age_ms: number) => Promise<ReadonlyMap<number, number>> | undefined,
): Promise<number | null> {
  const isOlder = async (age_ms: number): Promise<boolean | undefined> => {
    const first = await offsetsAt(age_ms);
    return first === undefined ? undefined : behind.some(({ partition, at }) => at < (first.get(partition) ?? 0));
  };
  let older = 0;
  let younger = AGE_MS_MIN;
  for (;;) {
    const is_older = await isOlder(younger);
    if (is_older === undefined) return null;
    if (!is_older) break;
    older = younger;
    if (younger >= AGE_MS_MAX) return older;
    younger *= 2;
  }
  // Below a second nobody cares.
  for (let tried = 0; older > 0 && tried < REFINEMENTS; tried += 1) {
    const middle = (older + younger) / 2;
    const is_older = await isOlder(middle);
    if (is_older === undefined) break;
    if (is_older) older = middle;
    else younger = middle;
  }
  return older;
}

async function offsetsAtTime(
  admin: Pick<Admin, "fetchTopicOffsetsByTimestamp">,
  topic: string,
  at_ms: number,
): Promise<ReadonlyMap<number, number>> {
  const found = await admin.fetchTopicOffsetsByTimestamp(topic, at_ms);
  return new Map(found.map(({ partition, offset }) => [partition, Number(offset)]));
}

function endsOf(offsets: ReadonlyMap<string, Offsets>): ReadonlyMap<string, number> {
  return new Map(
    [...offsets].map(([topic, partitions]) => [
      topic,
      [...partitions.values()].reduce((sum, { high }) => sum + high, 0),
    ]),
  );
}
