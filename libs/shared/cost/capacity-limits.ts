/** Where a capacity meets what one cluster can do: the walls that more of the same does not move. Pure; docs/scale.md has each one's source. */
import type { Capacity, Site } from "./capacity.ts";

export type Wall = {
  /** Stable, for scripts. */
  readonly name: string;
  readonly what: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: "" | "bytes" | "cores" | "per_s" | "per_minute";
  /** What helps. */
  readonly change: string;
};

/** The provider's own limits of a tier, as the settings have them. */
export type TierLimits = {
  readonly requests_per_minute?: number | undefined;
  readonly tokens_per_minute?: number | undefined;
};

/** Every member of a group stops for a moment when one joins or leaves; with more it is seldom quiet. */
const MEMBERS_MAX = 100;
/** Of a KRaft cluster, as its makers have tested. */
const CLUSTER_PARTITIONS_MAX = 200_000;
/** Of one database with rows of some KB and its log on a disk of its own. */
const ROWS_PER_S_MAX = 20_000;
/** Redis works commands off in one thread. */
const NODE_CORES_MAX = 0.7;
const REDIS_NODES_MAX = 100;

/** All of them, those that are met or passed first. */
export function walls(
  { services, tiers, kafka, redis, postgres, cache_entries }: Capacity,
  { largest_tenant_share }: Pick<Site, "largest_tenant_share">,
  {
    entries_max,
    limits,
  }: { readonly entries_max: number; readonly limits: Readonly<Record<string, TierLimits | undefined>> },
): Wall[] {
  const members = Math.max(...services.map(({ replicas }) => replicas));
  const cells = "Divide tenants among several clusters: npx sluice cost --capacity --cells 2 (docs/scale.md#cells).";
  const all: Wall[] = [
    {
      name: "group_members",
      what: "members of the largest consumer group",
      value: members,
      limit: MEMBERS_MAX,
      unit: "",
      change: `Raise in_flight_max of the tier where calls bound it; else: ${cells}`,
    },
    {
      name: "cluster_partitions",
      what: "replicas of partitions in the Kafka cluster",
      value: kafka.partition_replicas,
      limit: CLUSTER_PARTITIONS_MAX,
      unit: "",
      change: cells,
    },
    {
      name: "redis_tenant",
      what: `cores of Redis for the largest tenant (${percent(largest_tenant_share)} of the requests), whose keys share a slot`,
      value: redis.largest_tenant_cores * NODE_CORES_MAX,
      limit: NODE_CORES_MAX,
      unit: "cores",
      change: "Make several tenants of it: budgets and caches are then theirs.",
    },
    {
      name: "redis_nodes",
      what: "masters of the Redis cluster",
      value: redis.nodes,
      limit: REDIS_NODES_MAX,
      unit: "",
      change: redis.bound_by === "memory" ? "Shorten results.job_view_ttl_hours; Postgres has the Results." : cells,
    },
    {
      name: "postgres_rows",
      what: "rows written to Postgres",
      value: postgres.rows_per_s_peak,
      limit: ROWS_PER_S_MAX,
      unit: "per_s",
      change: cells,
    },
    {
      name: "cache_entries",
      what: "entries of the cache, all of which every router holds",
      value: cache_entries,
      limit: entries_max,
      unit: "",
      change:
        "The oldest leave early, and hits by meaning with them; the same words are found in Redis all the same. Raise cache.semantic.entries_max and the routers' memory, or divide tenants among clusters.",
    },
    ...tiers.flatMap((tier) => providerWalls(tier, limits[tier.tier])),
  ];
  return all.sort((left, right) => right.value / right.limit - left.value / left.limit);
}

function providerWalls(tier: Capacity["tiers"][number], limits: TierLimits | undefined): Wall[] {
  const change = `Ask the provider of ${tier.tier} for more, add an endpoint, or send less there.`;
  const wall = (of: "requests" | "tokens"): Wall[] => {
    const limit = limits?.[`${of}_per_minute`];
    if (limit === undefined) return [];
    const value = tier[`${of}_per_minute`];
    return [{ name: `provider_${of}`, what: `${of} of ${tier.tier}`, value, limit, unit: "per_minute", change }];
  };
  return [...wall("requests"), ...wall("tokens")];
}

function percent(part: number): string {
  return `${Number((part * 100).toPrecision(2))} %`;
}
