/** Takes away what is left of replays that are long over: their topics, their groups' offsets, then their rows. */
import type { Kafka } from "kafkajs";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { kafkaError } from "../../libs/shared/kafka/client.ts";
import type { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import { replayGroup } from "../../libs/shared/replay/topic.ts";

export type ForgettingDeps = {
  readonly store: Pick<PostgresReplayStore, "old" | "remove">;
  readonly kafka: Kafka;
  readonly names: TopicNames;
  readonly settings: Pick<Settings, "consumption" | "replay">;
};

const DAY_MS = 86_400_000;
const AT_ONCE = 50;

/** Some of them; done again, it takes the next ones. @returns how many. @throws retryable while a part is away. */
export async function forgetOld({ store, kafka, names, settings }: ForgettingDeps, now_ms: number): Promise<number> {
  const ids = await store.old(now_ms - settings.replay.keep_days * DAY_MS, AT_ONCE);
  if (ids.length === 0) return 0;
  const admin = kafka.admin();
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const topics = ids.map((id) => names.replay(id)).filter((topic) => there.has(topic));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    const { groups } = await admin.listGroups();
    const known = new Set(groups.map(({ groupId }) => groupId));
    const own = ids.map((id) => replayGroup(settings, id)).filter((group) => known.has(group));
    if (own.length > 0) await admin.deleteGroups(own);
  } catch (error) {
    throw kafkaError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
  for (const id of ids) await store.remove(id);
  return ids.length;
}
