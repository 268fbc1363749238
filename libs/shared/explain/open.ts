/** Opens what an explanation needs, for a service or the command line. */
import type { Kafka } from "kafkajs";
import { internalPlan } from "../budgets/internal-plan.ts";
import { resolvePlan } from "../budgets/plan.ts";
import { storeOptions } from "../budgets/store-options.ts";
import type { Settings } from "../config/schema.ts";
import type { EventCodec } from "../events/codec.ts";
import type { TenantRecord } from "../events/tenants.ts";
import type { TopicNames } from "../events/topics.ts";
import { RangeReader } from "../kafka/range-reader.ts";
import type { Pool } from "../postgres/client.ts";
import { RedisAdmissionStore } from "../redis/admission/redis-store.ts";
import type { RedisClient } from "../redis/client.ts";
import type { Explanation } from "./explanation.ts";
import { explain } from "./gather.ts";

export type ExplainerParts = {
  readonly settings: Settings;
  readonly names: TopicNames;
  readonly codec: EventCodec;
  readonly kafka: Kafka;
  readonly redis: RedisClient;
  readonly pool: Pool;
  /** As `llm.tenants` has it. */
  readonly tenant: (tenant: string) => TenantRecord | undefined;
};

export type Explainer = {
  /** As `explain` of `gather.ts`. */
  explain(tenant: string, id: string): Promise<Explanation | undefined>;
  close(): Promise<void>;
};

export function openExplainer({
  settings,
  names,
  codec,
  kafka,
  redis,
  pool,
  tenant: recordOf,
}: ExplainerParts): Explainer {
  const reads = new RangeReader(kafka);
  const counters = new RedisAdmissionStore(redis, storeOptions(settings));
  const planOf = (tenant: string) => internalPlan(settings, tenant) ?? resolvePlan(settings, tenant, recordOf(tenant));
  const deps = { names, codec, reads, redis, pool, counters, planOf };
  return { explain: (tenant, id) => explain(deps, tenant, id), close: () => reads.close() };
}
