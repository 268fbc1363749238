/**
 * Takes away what is left of replays that are long over: their topics, their groups' offsets, then their rows; and topics of redrives and
 * of replays without a row, once `replay.retention_hours` have passed: their Results are gone by then.
 */
import type { Admin, Kafka } from "kafkajs";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { kafkaError } from "../../libs/shared/kafka/client.ts";
import type { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import { replayGroup } from "../../libs/shared/replay/topic.ts";
import { type OldTopic, oldTopics } from "./old-topics.ts";

export type ForgettingDeps = {
  readonly store: Pick<PostgresReplayStore, "old" | "remove" | "find">;
  readonly kafka: Kafka;
  readonly names: TopicNames;
  readonly settings: Pick<Settings, "consumption" | "replay">;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const AT_ONCE = 50;

/** Some of them; done again, it takes the next ones. @returns how many. @throws retryable while a part is away. */
export async function forgetOld({ store, kafka, names, settings }: ForgettingDeps, now_ms: number): Promise<number> {
  const ids = await store.old(now_ms - settings.replay.keep_days * DAY_MS, AT_ONCE);
  const admin = kafka.admin();
  let gone = 0;
  try {
    await admin.connect();
    const there = await admin.listTopics();
    const own_topics = new Set(ids.map((id) => names.replay(id)));
    const topics = there.filter((topic) => own_topics.has(topic));
    const left_over = await orphans(store, oldTopics(names, there, settings.replay.retention_hours * HOUR_MS, now_ms));
    gone = left_over.length;
    topics.push(...left_over);
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await forgetGroups(
      admin,
      ids.map((id) => replayGroup(settings, id)),
    );
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
  for (const id of ids) await store.remove(id);
  return ids.length + gone;
}

/** Those that no row speaks for, and no more than go at once. */
async function orphans(store: ForgettingDeps["store"], old: readonly OldTopic[]): Promise<string[]> {
  const topics: string[] = [];
  for (const { topic, replay } of old) {
    if (topics.length === AT_ONCE) break;
    if (replay === undefined || (await store.find(replay)) === undefined) topics.push(topic);
  }
  return topics;
}

async function forgetGroups(admin: Admin, groups: readonly string[]): Promise<void> {
  if (groups.length === 0) return;
  const known = new Set((await admin.listGroups()).groups.map(({ groupId }) => groupId));
  const own = groups.filter((group) => known.has(group));
  if (own.length > 0) await admin.deleteGroups(own);
}
