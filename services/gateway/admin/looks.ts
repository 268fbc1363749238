/** Wires what is shown of the whole pipeline, and of the caller's own key and budget: overview, requests, budgets. */

import { PipelineLooks } from "../../../libs/shared/advice/looking.ts";
import { storeOptions } from "../../../libs/shared/budgets/store-options.ts";
import type { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import { systemClock } from "../../../libs/shared/clock.ts";
import { tenantRecordOut } from "../../../libs/shared/events/tenant-records.ts";
import { readBacklog } from "../../../libs/shared/kafka/backlog.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import { inFlightKey } from "../../../libs/shared/redis/admission/keys.ts";
import { RedisCountersLife } from "../../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../../libs/shared/redis/admission/redis-store.ts";
import { RedisBeatStore } from "../../../libs/shared/redis/beat-store.ts";
import { type RedisClient, withRedis } from "../../../libs/shared/redis/client.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import type { ListingDeps } from "../listing.ts";
import type { RequestDeps } from "../requests.ts";
import type { Routes } from "../route.ts";
import type { SendEvents } from "../streams/contract.ts";
import { adviceRoutes } from "./advice.ts";
import { budgetRoutes } from "./budgets.ts";
import { meRoutes } from "./me.ts";
import { overviewRoutes } from "./overview.ts";
import { boundedReads } from "./reads.ts";
import { endedRows, rowsOfId } from "./request-rows.ts";
import { adminRequestRoutes } from "./requests.ts";
import { readSlotRows } from "./slot-rows.ts";

export type LooksInput = {
  readonly requests: RequestDeps;
  readonly listing: ListingDeps;
  readonly events: SendEvents;
  readonly redis: RedisClient;
  readonly pool: Pool;
  readonly book: TenantBook;
};

/** A rebuild that dies keeps the next one waiting for so long; nobody rebuilds here. */
const LOCK_TTL_MS = 30_000;

export function adminLooks(
  { settings, names, kafka, codec, producer, log }: ServiceContext,
  { requests, listing, events, redis, pool, book }: LooksInput,
): readonly Routes[] {
  const clock = systemClock;
  const base = { keys: requests.keys, clock, log };
  const reads = boundedReads(pool);
  const store_options = storeOptions(settings);
  const tenants = (): string[] =>
    [...new Set([...Object.keys(settings.tenants), ...book.records().map(({ tenant }) => tenant)])].sort();
  const groups = { group_prefix: settings.consumption.group_prefix, topic_prefix: settings.topics.prefix };
  return [
    meRoutes({ keys: requests.keys }),
    overviewRoutes({
      ...base,
      slotRows: (range) => readSlotRows(reads, range),
      backlog: (now_ms) => readBacklog(kafka, groups, now_ms),
      request_topics: [names.requests, names.batch(names.requests)],
    }),
    adviceRoutes({
      ...base,
      looks: new PipelineLooks({
        kafka,
        beats: new RedisBeatStore(redis, settings.observation.beat_ttl_ms),
        rows: reads,
        settings,
        now_ms: clock.now_ms,
      }),
    }),
    adminRequestRoutes({
      ...requests,
      ...listing,
      ...base,
      events,
      tenants,
      ended: (page) => endedRows(reads, page, clock.now_ms()),
      ofId: (of, id) => rowsOfId(reads, of, id),
    }),
    budgetRoutes({
      ...base,
      settings,
      book,
      tenants,
      counters: new RedisAdmissionStore(redis, store_options),
      life: new RedisCountersLife(redis, { ...store_options, lock_ttl_ms: LOCK_TTL_MS }),
      inFlight: async (epoch, tenant) => Number((await withRedis(() => redis.get(inFlightKey(epoch, tenant)))) ?? 0),
      publish: (record) => producer.publish([tenantRecordOut(codec, names.tenants, record)]),
    }),
  ];
}
