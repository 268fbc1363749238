/** Names of the admission counters' keys. The tenant is the hash tag: all keys of a tenant share a slot in a cluster. Pure. */

import type { CounterRef } from "../../budgets/scopes.ts";
import { counterKeyName, type RateSubject, rateName } from "../../budgets/store-names.ts";

/** `<epoch> <run_id>`: the life of the counters, and the server that it began on. Missing while they are lost. */
export const EPOCH_KEY = "budget:epoch";
/** Held by the one that restores. */
export const LOCK_KEY = "budget:restoring";
/** Epochs that have ended and whose holds are still to be cleared away. */
export const ENDED_KEY = "budget:ended";
export const GLOBAL_RATE_KEY = "rate:global";

/** Hash: partition of `llm.usage` → the last offset applied. */
export const appliedKey = (epoch: string): string => `budget:applied:${epoch}`;

/** Sorted set: `tenant/id` by when the hold expires. */
export const holdsKey = (epoch: string): string => `holds:${epoch}`;

/** Hash: `r` reserved, `s` settled, `a` the highest threshold told with the cap it was part of. */
export const counterKey = (epoch: string, tenant: string, counter: CounterRef): string =>
  `budget:${epoch}:{${tenant}}:${counterKeyName(counter)}`;

/** How many holds the tenant has. */
export const inFlightKey = (epoch: string, tenant: string): string => `inflight:${epoch}:{${tenant}}`;

/** JSON of the open hold, or `!` and a refusal. */
export const holdKey = (epoch: string, tenant: string, id: string): string => `hold:${epoch}:{${tenant}}:${id}`;

/** Before the rate's name within the tenant. */
export const rateBaseKey = (tenant: string): string => `rate:{${tenant}}:`;

/** Hash of slots and buckets (`scripts/slots.ts`). */
export const rateKey = (tenant: string, subject: RateSubject): string =>
  subject.scope === "global" ? GLOBAL_RATE_KEY : rateBaseKey(tenant) + rateName(subject);

/** Requests admitted on a UTC day. */
export const quotaKey = (tenant: string, subject: RateSubject, day: number): string =>
  subject.scope === "global" ? `quota:global:${day}` : `quota:{${tenant}}:${rateName(subject)}:${day}`;

/** Hash of slots of settled money. */
export const velocityKey = (tenant: string): string => `velocity:{${tenant}}`;

/** `<limit> <epoch ms>`: stopped until resumed. */
export const trippedKey = (tenant: string): string => `tripped:{${tenant}}`;
