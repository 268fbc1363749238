/** The figures as a table for people. Pure. */
import Table from "cli-table3";
import type { Percentiles } from "../support/percentiles.ts";

export type Row = {
  /** floor, topic or http. */
  readonly name: string;
  /** Open loop at a rate, or as fast as it goes. */
  readonly mode: string;
  readonly requests: number;
  readonly errors: number;
  readonly per_s: number;
  /** End to end less the model's latency. */
  readonly added_ms: Percentiles;
  /** Of every process but the load generator. */
  readonly cpu_ms_per_request: number;
  readonly processes: readonly { process: string; cpu_ms_per_request: number; resident_mib_max: number }[];
};

export type Report = {
  readonly rows: readonly Row[];
  /** The highest resident memory by process while many requests wait. */
  readonly memory?: readonly { readonly process: string; readonly resident_mib_max: number }[];
};

export function render(report: Report): string {
  const parts = [figures(report), perProcess(report)];
  if (report.memory !== undefined) parts.push(memory(report.memory));
  return parts.join("\n\n");
}

function figures({ rows }: Report): string {
  const table = new Table({
    head: [
      "way in",
      "load",
      "req/s",
      "errors",
      "added p50 ms",
      "p95",
      "p99",
      "CPU ms/req",
      "req/s : floor",
      "p50 : floor",
    ],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    const floor = rows.find(({ name, mode }) => name === "floor" && mode === row.mode);
    const { p50, p95, p99 } = row.added_ms;
    table.push([
      row.name,
      row.mode,
      row.per_s.toFixed(0),
      row.errors,
      p50.toFixed(1),
      p95.toFixed(1),
      p99.toFixed(1),
      row.cpu_ms_per_request.toFixed(2),
      floor ? (row.per_s / floor.per_s).toFixed(2) : "",
      floor ? (p50 / floor.added_ms.p50).toFixed(2) : "",
    ]);
  }
  return table.toString();
}

function perProcess({ rows }: Report): string {
  const shown = rows.filter(({ name, mode }) => name !== "floor" && mode === "full");
  const table = new Table({
    head: ["way in", "process", "CPU ms/req", "resident MiB"],
    style: { head: [], border: [] },
  });
  for (const row of shown) {
    for (const one of row.processes) {
      table.push([row.name, one.process, one.cpu_ms_per_request.toFixed(3), one.resident_mib_max]);
    }
  }
  return table.toString();
}

function memory(figures: NonNullable<Report["memory"]>): string {
  const table = new Table({ head: ["process", "resident MiB with requests waiting"], style: { head: [], border: [] } });
  for (const { process, resident_mib_max } of figures) table.push([process, resident_mib_max]);
  return table.toString();
}
