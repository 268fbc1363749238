/** The counters in Redis, for as long as a verb needs them. */
import type { CountersLife } from "../../libs/shared/budgets/admission-store.ts";
import type { Keep } from "../../libs/shared/budgets/ledger-fold.ts";
import type { TenantCounters } from "../../libs/shared/budgets/store-options.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { RedisCountersLife } from "../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../libs/shared/redis/admission/redis-store.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import type { CliContext } from "../context.ts";

export type Counters = { readonly store: TenantCounters; readonly life: CountersLife };

const HOUR_MS = 3_600_000;
const READY_MS = 5_000;
/** A rebuild that dies keeps the next one waiting for so long. */
const LOCK_TTL_MS = 30_000;

/** What a fold of the ledger keeps, as the settings say. Pure. */
export function keepOf({ ingest, admission }: Pick<Settings, "ingest" | "admission">): Keep {
  return { seen_ttl_ms: ingest.seen_ttl_hours * HOUR_MS, session_ttl_ms: admission.session_ttl_hours * HOUR_MS };
}

/** @throws retryable while Redis is away. */
export async function withCounters<T>(context: CliContext, work: (counters: Counters) => Promise<T>): Promise<T> {
  const { environment, settings, log } = context;
  const redis = connectRedis(environment.redis_url, "cli", log, settings.redis.key_prefix);
  try {
    await redisReady(redis, READY_MS);
    const options = {
      ...keepOf(settings),
      idempotency_ttl_ms: settings.admission.idempotency_ttl_hours * HOUR_MS,
      alert_at: settings.admission.alert_at,
      lock_ttl_ms: LOCK_TTL_MS,
    };
    return await work({ store: new RedisAdmissionStore(redis, options), life: new RedisCountersLife(redis, options) });
  } finally {
    redis.disconnect();
  }
}
