/** Redis whose scripts read a clock that the test sets. */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { silentLog } from "../../../../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../../../../libs/shared/redis/client.ts";

export type VirtualRedis = {
  readonly redis: Redis;
  /** Of keys, beside other tests. */
  readonly prefix: string;
  setTime(now_ms: number): Promise<void>;
};

/** Expiry of keys is still by the server's own clock. */
export async function virtualRedis(url: string): Promise<VirtualRedis> {
  const prefix = `test-${randomUUID()}.`;
  const redis = connectRedis(url, "admission-test", silentLog, prefix);
  await redisReady(redis, 5_000);
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, { lua, ...definition }) => {
    const timed = lua.replaceAll('redis.call("TIME")', `redis.call("HMGET", "${prefix}time", "s", "us")`);
    return define(name, { lua: timed, ...definition });
  };
  redis.time = (async () => (await redis.hmget("time", "s", "us")).map(Number)) as typeof redis.time;
  return {
    redis,
    prefix,
    setTime: async (now_ms) => {
      await redis.hset("time", "s", String(Math.floor(now_ms / 1000)), "us", String((now_ms % 1000) * 1000));
    },
  };
}
