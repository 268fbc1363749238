/** What `sluice cost --capacity` is asked, and what it answers. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import { type Capacity, capacity, type Gpu, type Site } from "../../libs/shared/cost/capacity.ts";
import { type TierLimits, type Wall, walls } from "../../libs/shared/cost/capacity-limits.ts";
import { FOOTPRINT } from "../../libs/shared/cost/footprint.ts";
import type { Traffic } from "../../libs/shared/cost/forecast.ts";
import { wantsEmbeddings } from "../../libs/shared/embedding/place.ts";
import { SluiceError } from "../../libs/shared/errors.ts";

export type CapacityFlags = {
  readonly gpu?: Readonly<Record<string, Gpu>>;
  readonly largestTenant?: number;
  /** Clusters that the tenants are divided among. */
  readonly cells?: number;
};

/** Of one cell: `cells` of them carry the traffic. */
export type CapacityReport = {
  readonly cells: number;
  readonly now: Capacity;
  readonly walls: readonly Wall[];
  readonly at_ten_times: Capacity;
  readonly walls_at_ten_times: readonly Wall[];
};

const LARGEST_TENANT_SHARE = 0.2;
const REPLICAS = 3;
/** What is looked at beside today's. */
const TIMES = 10;

/** @throws `usage` for GPUs of a tier that is not there. */
export function capacityReport(settings: Settings, traffic: Traffic, flags: CapacityFlags): CapacityReport {
  const { cells = 1 } = flags;
  const site = siteOf(settings, flags);
  const known = {
    entries_max: settings.cache.semantic.enabled ? settings.cache.semantic.entries_max : Number.POSITIVE_INFINITY,
    limits: Object.fromEntries(
      Object.entries(settings.tiers).map(([tier, { limits }]) => [tier, limits as TierLimits]),
    ),
  };
  const of = (times: number): Capacity =>
    capacity({ ...traffic, requests_per_day: (traffic.requests_per_day * times) / cells }, site, FOOTPRINT);
  const [now, at_ten_times] = [of(1), of(TIMES)];
  return {
    cells,
    now,
    walls: walls(now, site, known),
    at_ten_times,
    walls_at_ten_times: walls(at_ten_times, site, known),
  };
}

function siteOf(settings: Settings, { gpu = {}, largestTenant = LARGEST_TENANT_SHARE }: CapacityFlags): Site {
  const unknown = Object.keys(gpu).filter((tier) => !Object.hasOwn(settings.tiers, tier));
  if (unknown.length > 0) {
    const fix = `Known tiers are ${Object.keys(settings.tiers).join(", ")}.`;
    throw new SluiceError("usage", `there is no tier ${unknown.join(", ")}`, { fix });
  }
  const { topics, ingest, results, cache, tiers } = settings;
  return {
    retention_hours: topics.retention_hours < 0 ? results.keep_days * 24 : topics.retention_hours,
    // What makes of itself what the brokers allow has three replicas where there are three.
    replication_factor: topics.replication_factor === "auto" ? REPLICAS : topics.replication_factor,
    seen_ttl_hours: ingest.seen_ttl_hours,
    job_view_ttl_hours: results.job_view_ttl_hours,
    cache_ttl_hours: cache.exact.enabled || cache.semantic.enabled ? cache.ttl_hours : 0,
    keep_days: results.keep_days,
    embedding_workers:
      wantsEmbeddings(settings) && cache.semantic.embedding.endpoint === undefined
        ? cache.semantic.embedding.workers
        : 0,
    largest_tenant_share: largestTenant,
    tiers: Object.keys(tiers).length,
    retry_delays: topics.retry_delays.length,
    gpus: gpu,
  };
}
