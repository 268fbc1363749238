/** The token stream of a request, read from Redis as a follower would. */
import assert from "node:assert/strict";
import type { Redis } from "ioredis";
import type { Result } from "../../libs/shared/events/flow.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { streamKey } from "../../libs/shared/redis/job-keys.ts";
import { readTokenEntry, type TokenEvent } from "../../libs/shared/redis/token-events.ts";
import type { Pipeline } from "./pipeline.ts";
import { until } from "./until.ts";

const READY_WAIT_MS = 5_000;

export type ReadEntry = { readonly id: string; readonly event: TokenEvent };

export type TokenStreamReader = {
  /** What stands there now. */
  read(id: string): Promise<readonly ReadEntry[]>;
  /** Waits for the entry that ends the stream, and returns all of it. */
  ended(id: string): Promise<readonly ReadEntry[]>;
  close(): void;
};

/** Of the demo tenant's requests. */
export async function readTokenStreams({ env, settings }: Pipeline): Promise<TokenStreamReader> {
  const redis: Redis = connectRedis(env["REDIS_URL"] as string, "stream-test", silentLog, settings.redis.key_prefix);
  await redisReady(redis, READY_WAIT_MS);
  const read = async (id: string): Promise<ReadEntry[]> => {
    const entries = await redis.xrange(streamKey("demo", id), "-", "+");
    return entries.map(([entry_id, fields]) => ({ id: entry_id, event: readTokenEntry(fields) as TokenEvent }));
  };
  return {
    read,
    ended: (id) =>
      until(`the stream of ${id} ends`, async () => {
        const entries = await read(id);
        return entries.at(-1)?.event.kind === "end" && entries;
      }),
    close: () => redis.disconnect(),
  };
}

/** The entries of the last attempt: from its start on. A reader drops what came before. */
export function lastAttempt(entries: readonly ReadEntry[]): readonly ReadEntry[] {
  return entries.slice(entries.findLastIndex(({ event }) => event.kind === "start"));
}

/** Within an attempt each id is the next one after the one before: by a gap a reader sees that it lost something. */
export function assertConsecutive(attempt: readonly ReadEntry[]): void {
  const [ms = "", first = ""] = attempt[0]?.id.split("-") ?? [];
  assert.deepEqual(
    attempt.map(({ id }) => id),
    attempt.map((_, index) => `${ms}-${Number(first) + index}`),
  );
}

/** The text of the attempt's tokens, put together as a client would. */
export function textOf(attempt: readonly ReadEntry[]): string {
  return attempt.map(({ event }) => (event.kind === "token" ? deltaOf(event.chunk) : "")).join("");
}

/** The text of the answer in a Result. */
export function answerOf({ response }: Result): string {
  const [choice] = (response?.["choices"] ?? []) as { message: { content: string } }[];
  return choice?.message.content ?? "";
}

function deltaOf(chunk: string): string {
  const [choice] = (JSON.parse(chunk) as { choices: { delta?: { content?: string } }[] }).choices;
  return choice?.delta?.content ?? "";
}
