/** The cache for people: an entry, tables of entries, and of what they sum up to. Pure. */
import type { KeptEntry } from "../../libs/shared/cache/cache-view.ts";
import { WARMED } from "../../libs/shared/cache/entry-records.ts";
import type { CacheStats } from "../../libs/shared/cache/stats-of.ts";
import { formatMs, formatTable, formatUsd, oneLine } from "../output/format.ts";

const ID_WIDTH = 12;
const TEXT_WIDTH = 2_000;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Enough of an id for `show` and `purge`. */
export function shortId(entry_id: string): string {
  return entry_id.slice(0, ID_WIDTH);
}

export function formatBytes(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_048_576) return `${(bytes / 1_024).toFixed(1)} KiB`;
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** `40 s`, `5 h`, `12 d`. */
export function formatAge(age_ms: number): string {
  if (age_ms >= 2 * DAY_MS) return `${Math.floor(age_ms / DAY_MS)} d`;
  if (age_ms >= 2 * HOUR_MS) return `${Math.floor(age_ms / HOUR_MS)} h`;
  return formatMs(Math.max(0, age_ms));
}

/** How long an entry may still be answered from. */
function remaining({ expires_ms }: Pick<KeptEntry, "expires_ms">, now_ms: number): string {
  return expires_ms <= now_ms ? "expired" : formatAge(expires_ms - now_ms);
}

/** @param width of the terminal: the question takes what is left. */
export function entriesTable(entries: readonly KeptEntry[], now_ms: number, width: number): string {
  const rows = entries.map((entry) => [
    shortId(entry.entry_id),
    entry.tenant,
    entry.semantic ? "semantic" : "exact",
    entry.tier,
    formatAge(now_ms - entry.created_ms),
    remaining(entry, now_ms),
    formatBytes(entry.bytes),
    formatUsd(entry.cost_usd),
  ]);
  const head = ["id", "tenant", "kind", "tier", "age", "expires", "size", "saves"];
  const used = head.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const room = Math.max(20, width - used.reduce((sum, each) => sum + each + 2, 0));
  const questions = entries.map(({ text, label }) =>
    oneLine(`${label === undefined ? "" : `[${label}] `}${text ?? "–"}`, room),
  );
  const cells = rows.map((row, at) => [...row, questions[at] ?? ""]);
  return formatTable([...head, "question"], cells, [4, 5, 6, 7]);
}

export function statsTable({ tenants, total }: CacheStats, now_ms: number): string {
  const rows = [...tenants, { tenant: "all", ...total }].map((each) => [
    each.tenant,
    String(each.entries),
    String(each.semantic),
    String(each.exact),
    String(each.warmed),
    String(each.expired),
    formatBytes(each.bytes),
    each.newest_ms === null ? "–" : formatAge(now_ms - each.newest_ms),
    each.oldest_ms === null ? "–" : formatAge(now_ms - each.oldest_ms),
  ]);
  const head = ["tenant", "entries", "semantic", "exact", "warmed", "expired", "size", "newest", "oldest"];
  return formatTable(head, rows, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/** One entry, a line for each thing. @param response the answer, parsed. */
export function entryLines(entry: Omit<KeptEntry, "response">, response: unknown, now_ms: number): string[] {
  const iso = (time_ms: number): string => new Date(time_ms).toISOString();
  const found = entry.semantic ? `equal requests, and by meaning (${entry.embedding_model})` : "equal requests";
  const all: readonly (readonly [string, string])[] = [
    ["entry", entry.entry_id],
    ["tenant", entry.tenant],
    ["fingerprint of what must be equal", entry.namespace],
    ["cache_namespace", entry.label ?? "none"],
    ["found by", found],
    ["from request", entry.request_id === WARMED ? "none: written by `sluice cache warm`" : entry.request_id],
    ["tier and model", `${entry.tier}, ${entry.model}`],
    ["made", `${iso(entry.created_ms)}, ${formatAge(now_ms - entry.created_ms)} ago`],
    ["expires", `${iso(entry.expires_ms)}, ${expiry(entry, now_ms)}`],
    ["size", formatBytes(entry.bytes)],
    ["a hit saves", formatUsd(entry.cost_usd)],
    ["question", entry.text === undefined ? "not kept" : oneLine(entry.text, TEXT_WIDTH)],
    ["answer", oneLine(answerText(response), TEXT_WIDTH)],
  ];
  return all.map(([name, value]) => `${name}: ${value}`);
}

function expiry(entry: Pick<KeptEntry, "expires_ms">, now_ms: number): string {
  const left = remaining(entry, now_ms);
  return left === "expired" ? "over" : `in ${left}`;
}

/** The first choice's text; of an answer without one, its JSON. */
function answerText(response: unknown): string {
  const { choices } = (response ?? {}) as { choices?: { message?: { content?: unknown } }[] };
  const content = Array.isArray(choices) ? choices[0]?.message?.content : undefined;
  return typeof content === "string" ? content : JSON.stringify(response);
}
