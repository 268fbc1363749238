/**
 * Which (tenant, id) was seen first where, and with what content: how a repeat is told from a conflict (I1). One Redis round
 * trip for a whole batch. Rebuildable: a lost entry lets a repeat through, which Postgres stops before it becomes a result (I8).
 */
import type { Redis } from "ioredis";
import type { TopicPartition } from "../../libs/shared/kafka/ports.ts";
import { pipelineReplies, withRedis } from "../../libs/shared/redis/client.ts";
import { seenKey } from "../../libs/shared/redis/job-keys.ts";

export type Sighting = {
  readonly tenant: string;
  readonly id: string;
  readonly content_hash: string;
  readonly place: TopicPartition & { readonly offset: number };
};

/**
 * - `new`: seen for the first time, here.
 * - `redelivered`: this very record was seen before; what it caused may be missing.
 * - `repeated`: another record with the same content came first; this one causes nothing.
 * - `conflict`: another record with other content came first; this one is a dead letter.
 */
export type Verdict = "new" | "redelivered" | "repeated" | "conflict";

export interface SeenStore {
  /** Verdicts in the order of the sightings; within a batch the earlier one comes first. */
  check(sightings: readonly Sighting[]): Promise<Verdict[]>;
}

/** Sets each key that is missing and returns what was there (false where it was missing). */
const SCRIPT = `
local before = {}
for index, key in ipairs(KEYS) do
  before[index] = redis.call("GET", key)
  if not before[index] then redis.call("SET", key, ARGV[index + 1], "PX", ARGV[1]) end
end
return before`;

/** Pure: what an entry that was there before says about a sighting. */
export function verdictOf(sighting: Sighting, before: string | null): Verdict {
  if (before === null) return "new";
  if (before === entryOf(sighting)) return "redelivered";
  return before.startsWith(`${sighting.content_hash} `) ? "repeated" : "conflict";
}

export function entryOf({ content_hash, place }: Sighting): string {
  return `${content_hash} ${place.topic} ${place.partition} ${place.offset}`;
}

/** A pipeline that knows the script. */
type SeenPipeline = {
  sluiceSeen(count: number, ...args: string[]): void;
  exec(): Promise<[Error | null, unknown][] | null>;
};

export class RedisSeenStore implements SeenStore {
  readonly #redis: Redis;
  readonly #ttl_ms: number;

  constructor(redis: Redis, ttl_ms: number) {
    redis.defineCommand("sluiceSeen", { lua: SCRIPT });
    this.#redis = redis;
    this.#ttl_ms = ttl_ms;
  }

  async check(sightings: readonly Sighting[]): Promise<Verdict[]> {
    // One script per tenant (its keys share a cluster slot), all in one round trip.
    const byTenant = Map.groupBy(sightings.keys(), (index) => (sightings[index] as Sighting).tenant);
    const groups = [...byTenant.values()];
    const pipeline = this.#redis.pipeline() as unknown as SeenPipeline;
    for (const indexes of groups) {
      const members = indexes.map((index) => sightings[index] as Sighting);
      const keys = members.map(({ tenant, id }) => seenKey(tenant, id));
      pipeline.sluiceSeen(keys.length, ...keys, String(this.#ttl_ms), ...members.map(entryOf));
    }
    const replies = await withRedis(async () => pipelineReplies(await pipeline.exec()));
    const verdicts: Verdict[] = [];
    for (const [group, indexes] of groups.entries()) {
      const before = replies[group] as (string | null)[];
      for (const [at, index] of indexes.entries()) {
        verdicts[index] = verdictOf(sightings[index] as Sighting, before[at] ?? null);
      }
    }
    return verdicts;
  }
}
