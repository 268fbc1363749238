/** The figures of the contenders beside each other, and what they are held to. Pure. */
import Table from "cli-table3";
import type { Figure } from "../support/report.ts";
import type { Row } from "./measure.ts";

/** Added to the mock's own latency, at the smaller load. */
const ADDED_P50_MS_MAX = 15;

/** The most connections: throughput beside the peer. The fewest: latency over the mock. */
export function figures(rows: readonly Row[]): Figure[] {
  const loads = [...new Set(rows.map(({ connections }) => connections))].sort((one, other) => one - other);
  const [fewest = 0, most = 0] = [loads[0], loads.at(-1)];
  const found = (name: Row["contender"], connections: number): Row | undefined =>
    rows.find((row) => row.contender === name && row.connections === connections);
  const [ours, peer] = [found("sluice", most), found("portkey", most)];
  const [quick, floor] = [found("sluice", fewest), found("mock", fewest)];
  const all: Figure[] = [];
  if (ours && peer) {
    all.push({
      name: `requests/s at ${most} connections`,
      value: ours.per_s,
      unit: "/s",
      target: { at_least: peer.per_s },
      beside: { name: "Portkey", value: peer.per_s },
    });
  }
  if (quick && floor) {
    all.push({
      name: `p50 added at ${fewest} connections`,
      value: quick.latency_ms.p50 - floor.latency_ms.p50,
      unit: "ms",
      target: { at_most: ADDED_P50_MS_MAX },
    });
  }
  const errors = rows.reduce((sum, row) => sum + row.errors, 0);
  return [...all, { name: "wrong or missing answers", value: errors, unit: "", target: { at_most: 0 } }];
}

export function contendersTable(rows: readonly Row[]): string {
  const head = ["contender", "connections", "req/s", "p50 ms", "p99 ms", "errors", "CPU ms/req", "load's CPU"];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) {
    table.push([
      row.contender,
      row.connections,
      row.per_s.toFixed(0),
      row.latency_ms.p50.toFixed(1),
      row.latency_ms.p99.toFixed(1),
      row.errors,
      row.cpu_ms_per_request.toFixed(2),
      row.load_cpu_ms_per_request.toFixed(2),
    ]);
  }
  return table.toString();
}

/** What each of our processes costs a request, by load. */
export function processesTable(rows: readonly Row[]): string {
  const head = ["process", "connections", "CPU ms/req", "resident MiB"];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows.filter(({ contender }) => contender === "sluice")) {
    for (const one of row.processes) {
      table.push([one.process, row.connections, one.cpu_ms_per_request.toFixed(3), one.resident_mib]);
    }
  }
  return table.toString();
}
