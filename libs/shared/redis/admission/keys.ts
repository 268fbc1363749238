/**
 * Names of the admission counters' keys. The tenant is the hash tag: all keys of a tenant share a slot in a cluster. What is no tenant's
 * has a *home* (`homes.ts`): one Redis has a single one, without a name; in a cluster it is a hash tag. Pure.
 */

import type { CounterRef } from "../../budgets/scopes.ts";
import { counterKeyName, type RateSubject, rateName } from "../../budgets/store-names.ts";

const at = (name: string, home: string): string => (home === "" ? name : `${name}:${home}`);

/** `<epoch> <run_id>`: the life of the counters, and the server that it began on. Missing while they are lost. */
export const epochKey = (home: string): string => at("budget:epoch", home);
/** Held by the one that restores. */
export const lockKey = (home: string): string => at("budget:restoring", home);
/** Epochs that have ended and whose holds are still to be cleared away. */
export const endedKey = (home: string): string => at("budget:ended", home);
export const globalRateKey = (home: string): string => at("rate:global", home);
export const globalQuotaKey = (home: string, day: number): string => at(`quota:global:${day}`, home);

/** Hash: partition of `llm.usage` → the last offset applied. */
export const appliedKey = (epoch: string, home: string): string => at(`budget:applied:${epoch}`, home);

/** Sorted set: `tenant/id` by when the hold expires. */
export const holdsKey = (epoch: string, home: string): string => at(`holds:${epoch}`, home);

/** Hash: `r` reserved, `s` settled, `a` the highest threshold told with the cap it was part of. */
export const counterKey = (epoch: string, tenant: string, counter: CounterRef): string =>
  `budget:${epoch}:{${tenant}}:${counterKeyName(counter)}`;

/** How many holds the tenant has. */
export const inFlightKey = (epoch: string, tenant: string): string => `inflight:${epoch}:{${tenant}}`;

/** JSON of the open hold, or `!` and a refusal. */
export const holdKey = (epoch: string, tenant: string, id: string): string => `hold:${epoch}:{${tenant}}:${id}`;

/** Before the rate's name within the tenant. */
export const rateBaseKey = (tenant: string): string => `rate:{${tenant}}:`;

/** Hash of slots and buckets (`scripts/slots.ts`). @param global_home of the global limits. */
export const rateKey = (tenant: string, subject: RateSubject, global_home: string): string =>
  subject.scope === "global" ? globalRateKey(global_home) : rateBaseKey(tenant) + rateName(subject);

/** Requests admitted on a UTC day. */
export const quotaKey = (tenant: string, subject: RateSubject, day: number, global_home: string): string =>
  subject.scope === "global" ? globalQuotaKey(global_home, day) : `quota:{${tenant}}:${rateName(subject)}:${day}`;

/** Hash of slots of settled money. */
export const velocityKey = (tenant: string): string => `velocity:{${tenant}}`;

/** `<limit> <epoch ms>`: stopped until resumed. */
export const trippedKey = (tenant: string): string => `tripped:{${tenant}}`;
