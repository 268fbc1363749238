/** The Redis connection: fails fast while Redis is away, so that whoever needs it waits and says so (I8). */
import { Redis } from "ioredis";
import { unavailable } from "../errors.ts";
import type { Log } from "../log.ts";

/**
 * @param role tells connections of one process apart in `CLIENT LIST`.
 * @param key_prefix before every key, so that pipelines can share a Redis. Channels are not keys.
 */
export function connectRedis(url: string, role: string, log: Log, key_prefix: string): Redis {
  const redis = new Redis(url, {
    connectionName: `sluice-${role}`,
    keyPrefix: key_prefix,
    // A command that cannot be sent now is refused now; the caller's back-off decides when to ask again.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 5_000,
    connectTimeout: 3_000,
    retryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
  });
  redis.on("error", (error: Error) => log.debug({ error }, "redis connection"));
  return redis;
}

/** Runs a Redis call; any failure of the connection is retryable, an answer that is an error is too (a loading or full server). */
export async function withRedis<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw unavailable("redis", error);
  }
}

/** Resolves when the connection is usable, or rejects (retryable) after `wait_ms`. */
export async function redisReady(redis: Redis, wait_ms: number): Promise<void> {
  if (redis.status === "ready") return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      redis.off("ready", ready);
      reject(unavailable("redis", new Error("no connection")));
    }, wait_ms);
    const ready = () => {
      clearTimeout(timer);
      resolve();
    };
    redis.once("ready", ready);
  });
}

/** The replies of a pipeline; the first error among them is thrown. */
export function pipelineReplies(replies: [Error | null, unknown][] | null): unknown[] {
  if (replies === null) throw new Error("the pipeline was discarded");
  return replies.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply;
  });
}
