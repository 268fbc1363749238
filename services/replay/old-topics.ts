/** Which topics of Results of replays and redrives have had their time, though no row says so any more. Pure. */
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { replayIdTime_ms } from "../../libs/shared/replay/id.ts";

const DAY_MS = 86_400_000;

/** A topic whose name says that it was made for a replay or a redrive, and when. */
export type OldTopic = {
  readonly topic: string;
  /** Of a replay: it has a row for as long as it matters. Of a redrive there is none. */
  readonly replay?: string;
};

/**
 * Only by names that Sluice makes itself, under its own prefix: whatever else there is stays.
 * @param keep_ms since the moment that the id tells; of a redrive that is its day, which counts as a whole.
 */
export function oldTopics(
  names: Pick<TopicNames, "replay">,
  topics: readonly string[],
  keep_ms: number,
  now_ms: number,
): OldTopic[] {
  const prefix = names.replay("");
  return topics.flatMap((topic): OldTopic[] => {
    if (!topic.startsWith(prefix)) return [];
    const id = topic.slice(prefix.length);
    const redriven_ms = redriveDay_ms(id);
    if (redriven_ms !== undefined) return redriven_ms + DAY_MS + keep_ms < now_ms ? [{ topic }] : [];
    const made_ms = replayIdTime_ms(id);
    return made_ms !== undefined && made_ms + keep_ms < now_ms ? [{ topic, replay: id }] : [];
  });
}

/** Epoch ms of the day's beginning (UTC), of an id as `redriveId` makes it. */
function redriveDay_ms(id: string): number | undefined {
  const [, year, month, day] = /^redrive-(\d{4})(\d{2})(\d{2})-[0-9a-f]{8}$/.exec(id) ?? [];
  const day_ms = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  return Number.isNaN(day_ms) ? undefined : day_ms;
}
