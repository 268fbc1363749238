/** Names and lifetimes within the stores of admission counters, the same for memory and Redis. Pure. */
import { createHash } from "node:crypto";
import type { RateAsk } from "./admission-store.ts";
import type { CounterRef } from "./scopes.ts";

export const DAY_MS = 86_400_000;

/** So long after its window's end a counter can still be read, and late settlements find it. */
const KEPT_AFTER_DAY_MS = 3 * DAY_MS;
const KEPT_AFTER_MONTH_MS = 40 * DAY_MS;

/** Names of users and sessions are anybody's text of any length: in key names they are a short SHA-256 (132 bits). */
function subjectHash(subject: string): string {
  return subject === "" ? "" : createHash("sha256").update(subject).digest("base64url").slice(0, 22);
}

/** Of the counter within its tenant: as `counterName`, with its subject hashed. */
export function counterKeyName({ scope, subject, window }: CounterRef): string {
  return `${scope}:${window}:${subjectHash(subject)}`;
}

export type RateSubject = Pick<RateAsk, "scope" | "subject">;

/** Of a rate limit's subject within its tenant; `global` is beside all tenants. */
export function rateName({ scope, subject }: RateSubject): string {
  return scope === "global" ? scope : `${scope}:${subjectHash(subject)}`;
}

/** The order in which limits are checked; the first that has no room is the refusal. */
const RATE_ORDER: Readonly<Record<RateAsk["scope"], number>> = { global: 0, key: 1, user: 2, tenant: 3 };

export function inCheckOrder(rates: readonly RateAsk[]): RateAsk[] {
  return rates.toSorted((one, other) => RATE_ORDER[one.scope] - RATE_ORDER[other.scope]);
}

/** Everybody whom an admitted request is charged to. */
export function rateSubjectsOf(request: {
  readonly user?: string | undefined;
  readonly key_id?: string | undefined;
}): RateSubject[] {
  const subjects: RateSubject[] = [
    { scope: "global", subject: "" },
    { scope: "tenant", subject: "" },
  ];
  if (request.user !== undefined) subjects.push({ scope: "user", subject: request.user });
  if (request.key_id !== undefined) subjects.push({ scope: "key", subject: request.key_id });
  return subjects;
}

/** UTC's day as a number since the epoch. */
export function dayOf(now_ms: number): number {
  return Math.floor(now_ms / DAY_MS);
}

/** Until when a counter is kept that moves now, epoch ms. */
export function counterExpires_ms({ scope, window }: CounterRef, now_ms: number, session_ttl_ms: number): number {
  if (scope === "session") return now_ms + session_ttl_ms;
  const start = new Date(`${window.padEnd(10, "-01")}T00:00:00Z`);
  if (scope !== "tenant_month") return start.getTime() + DAY_MS + KEPT_AFTER_DAY_MS;
  return Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1, 1) + KEPT_AFTER_MONTH_MS;
}
