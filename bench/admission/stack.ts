/** A Redis whose counters live, and stores of admission as ingest has them: with the defaults of all settings. */
import type { Redis } from "ioredis";
import { ROOT } from "../../cli/context.ts";
import type { AdmissionStoreOptions } from "../../libs/shared/budgets/store-options.ts";
import { settingsSchema } from "../../libs/shared/config/schema.ts";
import { RedisCountersLife } from "../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../libs/shared/redis/admission/redis-store.ts";
import { type BenchRedis, startBenchRedis } from "../support/redis.ts";
import type * as scenarios from "../support/scenarios.ts";

const HOUR_MS = 3_600_000;

export const SEEN_TTL_HOURS = settingsSchema.shape.ingest.parse(undefined).seen_ttl_hours;
const ADMISSION = settingsSchema.shape.admission.parse(undefined);
export const IDEMPOTENCY_TTL_HOURS = ADMISSION.idempotency_ttl_hours;

export const STORE_OPTIONS: AdmissionStoreOptions = {
  seen_ttl_ms: SEEN_TTL_HOURS * HOUR_MS,
  idempotency_ttl_ms: IDEMPOTENCY_TTL_HOURS * HOUR_MS,
  session_ttl_ms: ADMISSION.session_ttl_hours * HOUR_MS,
  alert_at: ADMISSION.alert_at,
};

export type AdmissionStack = BenchRedis;

export type Bench = scenarios.Bench<void, AdmissionStack>;
/** Each on a Redis of its own. */
export type Scenario = scenarios.Scenario<void, AdmissionStack>;

export async function startAdmissionStack(scenario: string, signal: AbortSignal): Promise<AdmissionStack> {
  const redis = await startBenchRedis(ROOT, `bench-admission-${scenario}`, signal);
  try {
    const life = new RedisCountersLife(await redis.connect("life"), STORE_OPTIONS);
    const restoring = await life.begin();
    await restoring?.finish({ counters: [], holds: [], seen: [], rates: [], applied: new Map() });
    return redis;
  } catch (error) {
    await redis.stop();
    throw error;
  }
}

export function storeOn(redis: Redis): RedisAdmissionStore {
  return new RedisAdmissionStore(redis, STORE_OPTIONS);
}
