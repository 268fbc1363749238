/**
 * Where the counters' keys are that are no tenant's: the epoch, what is applied, the holds by time, the global limits. A script's keys share
 * a slot, so in a cluster each slot has such keys of its own beside the tenants' (any slot may be lost by itself): a home is a hash tag
 * of the slot. One Redis is a single home without a name. Pure.
 */
import type { RedisClient } from "../client.ts";
import { slotOf, slotTags } from "../cluster/slots.ts";

export type Homes = {
  /** Beside a tenant's keys. */
  of(tenant: string): string;
  all(): readonly string[];
  /** Of the life of all counters, its lock, and the offsets that a rebuild has read. */
  readonly main: string;
  /** Of the global limits; undefined where they are beside every tenant's, and a script takes both at once. */
  global(): string | undefined;
};

const ONE_HOME: Homes = { of: () => "", all: () => [""], main: "", global: () => undefined };

const GLOBAL_SLOT = slotOf("rates");

export const CLUSTER_HOMES: Homes = {
  of: (tenant) => slotTags()[slotOf(tenant)] as string,
  all: slotTags,
  main: "{budget}",
  global: () => slotTags()[GLOBAL_SLOT] as string,
};

export function homesOf(redis: RedisClient): Homes {
  return redis.servers === undefined ? ONE_HOME : CLUSTER_HOMES;
}
