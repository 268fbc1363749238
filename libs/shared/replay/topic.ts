/** Where a replay's Results are, and whose offsets say how far it is. */
import type { Settings } from "../config/schema.ts";
import { topicNames } from "../events/topics.ts";
import type { TopicMaker } from "../kafka/topic-maker.ts";
import { planTopic, planTopics, type TopicPlan } from "../kafka/topology.ts";

const HOUR_MS = 3_600_000;

/** As many partitions as `llm.results` is to have; kept for `replay.retention_hours`. Pure. */
function replayTopicPlan(settings: Settings, id: string): TopicPlan {
  const names = topicNames(settings.topics.prefix);
  const partitions = planTopics(settings).find(({ topic }) => topic === names.results)?.partitions;
  const plan = planTopic(settings, names.replay(id), partitions ?? settings.topics.partitions);
  return { ...plan, config: { ...plan.config, "retention.ms": String(settings.replay.retention_hours * HOUR_MS) } };
}

/** Makes the topic where it is not there yet. @throws retryable while Kafka is away. */
export async function makeReplayTopic(maker: TopicMaker, settings: Settings, id: string): Promise<void> {
  await maker.make([replayTopicPlan(settings, id)]);
}

/** The group whose committed offsets are the replay's position. Pure. */
export function replayGroup(settings: Pick<Settings, "consumption">, id: string): string {
  return `${settings.consumption.group_prefix}replay.${id}`;
}
