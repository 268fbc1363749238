/** What the entries of the cache sum up to. Pure. */

import type { KeptEntry } from "./cache-view.ts";
import { WARMED } from "./entry-records.ts";

export type Sums = {
  readonly entries: number;
  /** May be found by meaning; the others only by an equal request. */
  readonly semantic: number;
  readonly exact: number;
  readonly warmed: number;
  /** Not answered from any more, and not taken away yet. */
  readonly expired: number;
  readonly bytes: number;
  /** Epoch ms; null where there is none. */
  readonly oldest_ms: number | null;
  readonly newest_ms: number | null;
};

export type CacheStats = {
  readonly total: Sums;
  /** The largest first. */
  readonly tenants: readonly (Sums & { readonly tenant: string })[];
  /** Entries by age; each is counted once. */
  readonly ages: Readonly<Record<AgeName, number>>;
  /** Entries by the model of their embedding: those of a model that is not in use are found by equal requests alone. */
  readonly embedding_models: Readonly<Record<string, number>>;
};

const HOUR_MS = 3_600_000;
const AGES = [
  ["under_1h", HOUR_MS],
  ["under_1d", 24 * HOUR_MS],
  ["under_7d", 7 * 24 * HOUR_MS],
  ["older", Number.POSITIVE_INFINITY],
] as const;
export type AgeName = (typeof AGES)[number][0];

export function statsOf(entries: readonly KeptEntry[], now_ms: number): CacheStats {
  const tenants = [...Map.groupBy(entries, ({ tenant }) => tenant)]
    .map(([tenant, own]) => ({ tenant, ...sumsOf(own, now_ms) }))
    .sort((left, right) => right.entries - left.entries || (left.tenant < right.tenant ? -1 : 1));
  const ages: Record<AgeName, number> = { under_1h: 0, under_1d: 0, under_7d: 0, older: 0 };
  for (const { created_ms } of entries) ages[ageOf(now_ms - created_ms)] += 1;
  const semantic = entries.filter((entry) => entry.semantic);
  const models = Map.groupBy(semantic, ({ embedding_model }) => embedding_model ?? "unknown");
  const embedding_models = Object.fromEntries([...models].map(([model, own]) => [model, own.length]));
  return { total: sumsOf(entries, now_ms), tenants, ages, embedding_models };
}

function sumsOf(entries: readonly KeptEntry[], now_ms: number): Sums {
  const count = (holds: (entry: KeptEntry) => boolean): number => entries.filter(holds).length;
  const semantic = count((entry) => entry.semantic);
  let [bytes, oldest_ms, newest_ms] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const entry of entries) {
    bytes += entry.bytes;
    oldest_ms = Math.min(oldest_ms, entry.created_ms);
    newest_ms = Math.max(newest_ms, entry.created_ms);
  }
  return {
    entries: entries.length,
    semantic,
    exact: entries.length - semantic,
    warmed: count(({ request_id }) => request_id === WARMED),
    expired: count(({ expires_ms }) => expires_ms <= now_ms),
    bytes,
    oldest_ms: entries.length === 0 ? null : oldest_ms,
    newest_ms: entries.length === 0 ? null : newest_ms,
  };
}

function ageOf(age_ms: number): AgeName {
  return AGES.find(([, below_ms]) => age_ms < below_ms)?.[0] ?? "older";
}
