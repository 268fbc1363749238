/** Forgets what was done with dead letters that retention has taken. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import { topicNames } from "../../libs/shared/events/topics.ts";
import { planTopics } from "../../libs/shared/kafka/topology.ts";
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

const DAY_MS = 86_400_000;
/**
 * A broker takes a segment once its newest record has had its time, and begins a new one after a week at the latest (`segment.ms`). A
 * letter that is still there must not look as if nobody had dealt with it: it would be sent a second time.
 */
const SEGMENT_MS = 14 * DAY_MS;

/** Ms that a row is kept; undefined where letters are kept for good. Pure. */
export function letterRowsKeep_ms(settings: Settings): number | undefined {
  const { dlq } = topicNames(settings.topics.prefix);
  const plan = planTopics(settings).find(({ topic }) => topic === dlq);
  const retention_ms = Number(plan?.config["retention.ms"] ?? -1);
  return retention_ms < 0 ? undefined : retention_ms + SEGMENT_MS;
}

const FORGET = `
DELETE FROM sluice_dead_letters WHERE ctid = ANY(array(
  SELECT ctid FROM sluice_dead_letters WHERE at < now() - $1::float8 * interval '1 millisecond' LIMIT $2 FOR UPDATE SKIP LOCKED
))`;

/** @param page rows deleted by one statement. @returns how many. @throws retryable while Postgres is away. */
export async function forgetLetterRows(
  pool: Pool,
  keep_ms: number,
  page: number,
  stopping: AbortSignal,
): Promise<number> {
  let forgotten = 0;
  while (!stopping.aborted) {
    const { rowCount } = await withPostgres(() => pool.query(FORGET, [keep_ms, page]));
    forgotten += rowCount ?? 0;
    if ((rowCount ?? 0) < page) break;
  }
  return forgotten;
}
