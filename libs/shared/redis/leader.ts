/** Which of many processes does a thing now: who takes the lock does, and it passes on by itself. */
import { type RedisClient, withRedis } from "./client.ts";

/**
 * For work that is done once in a while and harmless twice: the lock is never renewed nor given back, so that within its time
 * nobody else does the same. @returns whether this process is the one. Rejects (retryable) while Redis is away.
 */
export async function takeTurn(redis: RedisClient, name: string, instance: string, ttl_ms: number): Promise<boolean> {
  return (await withRedis(() => redis.set(`leader:${name}`, instance, "PX", ttl_ms, "NX"))) === "OK";
}

const KEEP = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/**
 * For work that goes on, and is harmless when two do it for a moment: whoever has the lead keeps it as long as it asks again within its
 * time. @returns whether this process has it. Rejects (retryable) while Redis is away.
 */
export async function keepLead(redis: RedisClient, name: string, instance: string, ttl_ms: number): Promise<boolean> {
  return (await withRedis(() => redis.eval(KEEP, 1, `leader:${name}`, instance, ttl_ms))) === 1;
}
