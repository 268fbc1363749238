/** How values read for people: money, times, tables. Pure. */
import Table from "cli-table3";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `30s`, `10m`, `2h`, `1.5h`, `250ms`, `7d` in milliseconds; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  const unit_ms = UNIT_MS[match?.[2] ?? ""];
  return match === null || unit_ms === undefined ? undefined : Math.round(Number(match[1]) * unit_ms);
}

/** An RFC 3339 time with its zone, as epoch milliseconds; undefined for anything else. */
export function parseTimeMs(text: string): number | undefined {
  if (!/^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text)) return undefined;
  const time_ms = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(time_ms) ? undefined : time_ms;
}

/** Short and still telling for a fraction of a cent: `$1.25`, `$0.000123`, `$0.000000120`, `$0`. */
export function formatUsd(amount_usd: number): string {
  if (amount_usd === 0) return "$0";
  if (amount_usd >= 1) return `$${amount_usd.toFixed(2)}`;
  return `$${amount_usd.toFixed(amount_usd < 0.000_001 ? 9 : 6)}`;
}

/** To the nano-dollar: `$0.50`, `-$0.00000012`, `$12.345678901`; at least cents. */
export function formatNusd(amount_nusd: number): string {
  const digits = String(Math.abs(amount_nusd)).padStart(10, "0");
  const fraction = digits.slice(-9).replace(/0{1,7}$/, "");
  return `${amount_nusd < 0 ? "-" : ""}$${digits.slice(0, -9)}.${fraction}`;
}

export function formatMs(duration_ms: number): string {
  if (duration_ms < 1_000) return `${Math.round(duration_ms)} ms`;
  if (duration_ms < 120_000) return `${(duration_ms / 1_000).toFixed(duration_ms < 10_000 ? 2 : 1)} s`;
  return `${Math.round(duration_ms / 60_000)} min`;
}

/** A retention as people say it: `7 d`, `36 h`, `forever`. */
export function formatRetention(retention_ms: number): string {
  if (retention_ms < 0) return "forever";
  if (retention_ms % 86_400_000 === 0) return `${retention_ms / 86_400_000} d`;
  return retention_ms % 3_600_000 === 0 ? `${retention_ms / 3_600_000} h` : formatMs(retention_ms);
}

/** One line without control characters, at most `width` characters wide. */
export function oneLine(text: string, width: number): string {
  // Only the start can be shown, so only the start is worth looking at.
  const flat = text
    .slice(0, width * 4 + 100)
    .replace(/[\p{C}\s]+/gu, " ")
    .trim();
  const characters = [...flat];
  return characters.length <= width ? flat : `${characters.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** Lines of others as they are, but for characters that steer a terminal: those are shown by their number. */
export function printable(text: string): string {
  return text.replace(/[^\P{C}\n\t]/gu, (mark) => `\\u{${(mark.codePointAt(0) ?? 0).toString(16)}}`);
}

/** A table without a frame, columns two spaces apart; `right` names the columns of numbers. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const none = Object.fromEntries(
    "top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right left left-mid mid mid-mid right right-mid"
      .split(" ")
      .map((name) => [name, ""]),
  );
  const table = new Table({
    head: [...head],
    chars: { ...none, middle: "  " },
    colAligns: head.map((_, index) => (right.includes(index) ? "right" : "left")),
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line !== "")
    .join("\n");
}
