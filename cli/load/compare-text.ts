/** A comparison of two load runs for the terminal. Pure. */
import { formatMs, formatTable, formatUsd } from "../output/format.ts";
import type { Comparison, GateResult, Row } from "./compare.ts";

export function comparisonText({ before, after, rows, differs }: Comparison, gates: readonly GateResult[]): string {
  const lines = rows.map((row) => [
    row.name,
    shown(row, row.before),
    shown(row, row.after),
    row.change === undefined ? "–" : percent(row.change),
    row.interval === undefined ? "–" : row.interval.map((bound) => signed(row, bound)).join(" to "),
    row.matters === undefined ? "not judged" : row.matters ? "matters" : "may be chance",
  ]);
  return [
    formatTable(["", before, after, "change", "95 % of differences", ""], lines, [1, 2, 3, 4]),
    "",
    ...(differs.length === 0 ? ["nothing else is different"] : [`different too: ${differs.join(", ")}`]),
    "judged by a moving-block bootstrap over the runs' steps of time; see docs/load.md",
    ...gates.map(
      ({ gate, limit, value, passed }) =>
        `gate ${gate} ${percent(limit)}: ${value === undefined ? "nothing to measure" : percent(value)}, ${passed ? "passed" : "failed"}`,
    ),
    "",
  ].join("\n");
}

function shown({ unit }: Pick<Row, "unit">, value: number): string {
  if (unit === "ms") return Math.abs(value) < 10 ? `${value.toFixed(2)} ms` : formatMs(value);
  if (unit === "usd") return value < 0 ? `-${formatUsd(-value)}` : formatUsd(value);
  return unit === "ratio" ? `${(100 * value).toFixed(2)} %` : value.toFixed(1);
}

function signed(row: Pick<Row, "unit">, value: number): string {
  const text = shown(row, Math.abs(value));
  return `${value < 0 ? "-" : "+"}${text}`;
}

function percent(part: number): string {
  return `${part > 0 ? "+" : ""}${(100 * part).toFixed(1)} %`;
}
