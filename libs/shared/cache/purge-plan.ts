/** What a purge would take away, and how much of it is gone. Pure. */
import type { CacheView, KeptEntry } from "./cache-view.ts";

const SAMPLES = 5;

export type Plan = {
  readonly matched: number;
  readonly bytes: number;
  /** The largest first. */
  readonly tenants: readonly TenantShare[];
  /** The newest questions, shortened, so that a wrong pattern is seen. */
  readonly samples: readonly { readonly entry_id: string; readonly tenant: string; readonly question: string | null }[];
  readonly entries: readonly KeptEntry[];
};

type TenantShare = {
  readonly tenant: string;
  readonly entries: number;
  readonly semantic: number;
  readonly bytes: number;
};

/**
 * @param entries those that match, the newest first.
 * @param shorten makes a question fit for a line.
 */
export function planOf(entries: readonly KeptEntry[], shorten: (text: string) => string): Plan {
  const tenants = [...Map.groupBy(entries, ({ tenant }) => tenant)].map(([tenant, own]) => ({
    tenant,
    entries: own.length,
    semantic: own.filter(({ semantic }) => semantic).length,
    bytes: bytesOf(own),
  }));
  return {
    matched: entries.length,
    bytes: bytesOf(entries),
    tenants: tenants.sort((left, right) => right.entries - left.entries || (left.tenant < right.tenant ? -1 : 1)),
    samples: entries.slice(0, SAMPLES).map(({ entry_id, tenant, text }) => {
      return { entry_id, tenant, question: text === undefined ? null : shorten(text) };
    }),
    entries,
  };
}

/** How many are there no more, or gave way to a newer answer. */
export function goneOf(entries: readonly KeptEntry[], view: CacheView): number {
  return entries.filter(({ key, created_ms }) => view.get(key)?.created_ms !== created_ms).length;
}

function bytesOf(entries: readonly KeptEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
