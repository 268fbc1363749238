/** What a purge would take away, and how much of it is gone. Pure. */
import { formatTable, oneLine } from "../output/format.ts";
import { formatBytes, shortId } from "./table.ts";
import type { CacheView, KeptEntry } from "./view.ts";

const SAMPLES = 5;
const SAMPLE_CHARACTERS = 80;

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

/** @param entries those that match, the newest first. */
export function planOf(entries: readonly KeptEntry[]): Plan {
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
      return { entry_id, tenant, question: text === undefined ? null : oneLine(text, SAMPLE_CHARACTERS) };
    }),
    entries,
  };
}

export function planLines({ matched, tenants, samples, bytes }: Plan): string[] {
  if (matched === 0) return ["nothing matches"];
  const rows = tenants.map((each) => [
    each.tenant,
    String(each.entries),
    String(each.semantic),
    String(each.entries - each.semantic),
    formatBytes(each.bytes),
  ]);
  return [
    formatTable(["tenant", "entries", "semantic", "exact", "size"], rows, [1, 2, 3, 4]),
    `${matched} ${matched === 1 ? "entry" : "entries"}, ${formatBytes(bytes)}${matched > samples.length ? "; among them" : ""}:`,
    ...samples.map(({ entry_id, question }) => `  ${shortId(entry_id)}  ${question ?? "(no question kept)"}`),
  ];
}

/** How many are there no more, or gave way to a newer answer. */
export function goneOf(entries: readonly KeptEntry[], view: CacheView): number {
  return entries.filter(({ key, created_ms }) => view.get(key)?.created_ms !== created_ms).length;
}

function bytesOf(entries: readonly KeptEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}
