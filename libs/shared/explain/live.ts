/** What Redis has of a request: a view, what was told of it, and how far its calls are. */
import { attemptKey, decodeEntry, HOPS_MAX } from "../redis/attempt-entry.ts";
import { pipelineReplies, type RedisClient, withRedis } from "../redis/client.ts";
import { seenKey } from "../redis/job-keys.ts";
import { RedisJobViews } from "../redis/job-views.ts";
import { OpenRequests } from "../redis/open-requests.ts";
import { type RequestState, readStateEntry, STATES_MAX, statesKey } from "../redis/request-events.ts";
import type { FoundLive } from "./found.ts";

/** @throws retryable while Redis is away. */
export async function findLive(redis: RedisClient, tenant: string, id: string): Promise<FoundLive> {
  // A view is only read here: how long it is kept is nothing to us.
  const views = new RedisJobViews(redis, 0);
  const [view, received_ms, replies] = await Promise.all([
    views.read(tenant, id),
    new OpenRequests(redis, views).receivedAt(tenant, id),
    withRedis(async () =>
      pipelineReplies(
        await redis
          .pipeline()
          .get(seenKey(tenant, id))
          .xrange(statesKey(tenant, id), "-", "+", "COUNT", STATES_MAX)
          .exec(),
      ),
    ),
  ]);
  const seen = seenOf(replies[0] as string | null);
  return {
    view,
    received_ms,
    seen,
    states: statesOf(replies[1] as [string, string[]][]),
    entries: seen === undefined ? [] : await entriesOf(redis, { tenant, id, content_hash: seen.content_hash }),
  };
}

/** `<content hash> <topic> <partition> <offset>`. */
function seenOf(text: string | null): FoundLive["seen"] {
  const [content_hash, topic, partition, offset] = text?.split(" ") ?? [];
  if (content_hash === undefined || topic === undefined) return undefined;
  const place = { topic, partition: Number(partition), offset: Number(offset) };
  return Number.isSafeInteger(place.partition) && Number.isSafeInteger(place.offset)
    ? { content_hash, place }
    : undefined;
}

function statesOf(entries: readonly (readonly [string, string[]])[]): FoundLive["states"] {
  return entries.flatMap(([id, fields]) => {
    const state = readStateEntry(fields);
    // The id of a stream's entry begins with the time at which it was written. Jobs' progress has states of its own.
    const told = state as RequestState | undefined;
    return told === undefined ? [] : [{ at_ms: Number(id.split("-")[0]), state: told }];
  });
}

async function entriesOf(
  redis: RedisClient,
  job: { readonly tenant: string; readonly id: string; readonly content_hash: string },
): Promise<FoundLive["entries"]> {
  const pipeline = redis.pipeline();
  for (let hop = 0; hop <= HOPS_MAX; hop += 1) pipeline.get(attemptKey({ ...job, hop }));
  const texts = await withRedis(async () => pipelineReplies(await pipeline.exec()));
  return texts.map((text) => decodeEntry((text as string | null) ?? ""));
}
