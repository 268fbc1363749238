/** Which of many processes does a thing now: who takes the lock does, and it passes on by itself. */
import type { Redis } from "ioredis";
import { withRedis } from "../../libs/shared/redis/client.ts";

/**
 * For work that is done once in a while and harmless twice: the lock is never renewed nor given back, so that within its time
 * nobody else does the same. @returns whether this process is the one. Rejects (retryable) while Redis is away.
 */
export async function takeTurn(redis: Redis, name: string, instance: string, ttl_ms: number): Promise<boolean> {
  return (await withRedis(() => redis.set(`leader:${name}`, instance, "PX", ttl_ms, "NX"))) === "OK";
}
