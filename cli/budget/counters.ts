/** The counters in Redis, for as long as a verb needs them. */
import type { CountersLife } from "../../libs/shared/budgets/admission-store.ts";
import { storeOptions, type TenantCounters } from "../../libs/shared/budgets/store-options.ts";
import { RedisCountersLife } from "../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../libs/shared/redis/admission/redis-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import type { CliContext } from "../context.ts";

export type Counters = { readonly store: TenantCounters; readonly life: CountersLife };

const READY_MS = 5_000;
/** A rebuild that dies keeps the next one waiting for so long. */
const LOCK_TTL_MS = 30_000;

/** @throws retryable while Redis is away. */
export async function withCounters<T>(context: CliContext, work: (counters: Counters) => Promise<T>): Promise<T> {
  const { environment, settings, log } = context;
  const redis = connectRedis(environment.redis, "cli", log, settings.redis.key_prefix);
  try {
    await redisReady(redis, READY_MS);
    const options = { ...storeOptions(settings), lock_ttl_ms: LOCK_TTL_MS };
    return await work({ store: new RedisAdmissionStore(redis, options), life: new RedisCountersLife(redis, options) });
  } finally {
    redis.disconnect();
  }
}
