/** What a purge would take away, as lines for people. Pure. */
import type { KeptEntry } from "../../libs/shared/cache/cache-view.ts";
import { type Plan, planOf as planWith } from "../../libs/shared/cache/purge-plan.ts";
import { formatTable, oneLine } from "../output/format.ts";
import { formatBytes, shortId } from "./table.ts";

const SAMPLE_CHARACTERS = 80;

/** @param entries those that match, the newest first. */
export function planOf(entries: readonly KeptEntry[]): Plan {
  return planWith(entries, (text) => oneLine(text, SAMPLE_CHARACTERS));
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
