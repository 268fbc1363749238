/** The Redis that a test run was given, which may be a cluster (`REDIS_CLUSTER=true`). */
import type { Redis } from "ioredis";
import { type RedisAddress, redisAddress } from "../../libs/shared/config/redis.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, type RedisClient, redisReady } from "../../libs/shared/redis/client.ts";

const { REDIS_URL = "", REDIS_CLUSTER = "" } = process.env;

export const is_cluster = REDIS_CLUSTER === "true";
export const without_redis = REDIS_URL === "" ? "REDIS_URL names no Redis" : false;

export function givenRedis(): RedisAddress {
  return redisAddress({ REDIS_URL, REDIS_CLUSTER: is_cluster ? "true" : "" });
}

/** Connected. Tests use more commands than stores do; a cluster has them as well. */
export async function connectGiven(role: string, key_prefix = ""): Promise<Redis> {
  const redis = connectRedis(givenRedis(), role, silentLog, key_prefix);
  await redisReady(redis, 10_000);
  return redis as Redis;
}

/** Of all servers, with their prefix. */
export async function keysOf(redis: RedisClient, pattern: string): Promise<string[]> {
  const servers = redis.servers?.masters().map((server) => server.redis) ?? [redis as Redis];
  return (await Promise.all(servers.map((server) => server.keys(pattern)))).flat();
}

/** @param unprefixed a client without a prefix. */
export async function removeKeys(unprefixed: Redis, pattern: string): Promise<void> {
  await Promise.all((await keysOf(unprefixed, pattern)).map((key) => unprefixed.del(key)));
}
