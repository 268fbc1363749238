/** Redis whose scripts read a clock that the test sets. */
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { homesOf } from "../../../../../libs/shared/redis/admission/homes.ts";
import { connectGiven } from "../../../../support/redis.ts";

export type VirtualRedis = {
  readonly redis: Redis;
  /** Of keys, beside other tests. */
  readonly prefix: string;
  setTime(now_ms: number): Promise<void>;
};

/**
 * Expiry of keys is still by the server's own clock.
 * @param names what is asked about: in a cluster the clock stands beside the keys of each.
 */
export async function virtualRedis(names: readonly string[]): Promise<VirtualRedis> {
  const prefix = `test-${randomUUID()}.`;
  const redis = await connectGiven("admission-test", prefix);
  const homes = [...new Set(names.map((name) => homesOf(redis).of(name)))];
  const define = redis.defineCommand.bind(redis);
  redis.defineCommand = (name, { lua, ...definition }) => {
    const beside = '(string.match(KEYS[1], "{.-}") or "")';
    const timed = lua.replaceAll('redis.call("TIME")', `redis.call("HMGET", "${prefix}time" .. ${beside}, "s", "us")`);
    return define(name, { lua: timed, ...definition });
  };
  redis.time = (async () => (await redis.hmget(`time${homes[0]}`, "s", "us")).map(Number)) as typeof redis.time;
  return {
    redis,
    prefix,
    setTime: async (now_ms) => {
      const time = { s: String(Math.floor(now_ms / 1000)), us: String((now_ms % 1000) * 1000) };
      await Promise.all(homes.map((home) => redis.hset(`time${home}`, time)));
    },
  };
}
