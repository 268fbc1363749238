/** The figures of the console's pages, and what they are held to. Pure. */
import Table from "cli-table3";
import { percentiles } from "../support/percentiles.ts";
import type { Figure } from "../support/report.ts";
import type { CostRow, Loads } from "./measure.ts";

/** A person has not begun to wait. */
const SHOWN_MS_MAX = 1_000;

export type Measured = {
  readonly loaded: Loads;
  readonly idle: Loads;
  readonly costs: readonly CostRow[];
  readonly failed: number;
};

const all = (loads: Loads, of: "cold_ms" | "warm_ms"): number[] => [...loads.values()].flatMap((times) => times[of]);

export function figures({ loaded, idle, costs, failed }: Measured): Figure[] {
  const shown = (["cold_ms", "warm_ms"] as const).flatMap((of): Figure[] => {
    const [here, there] = [percentiles(all(loaded, of)), percentiles(all(idle, of))];
    const name = of === "cold_ms" ? "all pages, new window" : "all pages, seen before";
    return [
      { name: `${name}, p50`, value: here.p50, unit: "ms", beside: { name: "pipeline idle", value: there.p50 } },
      {
        name: `${name}, p95`,
        value: here.p95,
        unit: "ms",
        target: { at_most: SHOWN_MS_MAX },
        beside: { name: "pipeline idle", value: there.p95 },
      },
    ];
  });
  const [alone, ...watched] = costs;
  const cost = watched.map(
    (row): Figure => ({
      name: `CPU of services and parts a request, ${row.viewers} on the overview`,
      value: row.cpu_ms_per_request,
      unit: "ms",
      beside: { name: "nobody", value: alone?.cpu_ms_per_request ?? Number.NaN },
    }),
  );
  return [...shown, ...cost, { name: "wrong or missing answers", value: failed, unit: "", target: { at_most: 0 } }];
}

export function pagesTable({ loaded, idle }: Measured): string {
  const head = [
    "page, ms until its data are seen",
    "new p50",
    "p95",
    "idle p50",
    "p95",
    "again p50",
    "p95",
    "idle p50",
    "p95",
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const [name, times] of loaded) {
    const beside = idle.get(name) ?? { cold_ms: [], warm_ms: [] };
    const cells = [times.cold_ms, beside.cold_ms, times.warm_ms, beside.warm_ms].flatMap((values) => {
      const { p50, p95 } = percentiles(values);
      return [p50.toFixed(0), p95.toFixed(0)];
    });
    table.push([name, ...cells]);
  }
  return table.toString();
}

export function costsTable({ costs }: Measured): string {
  const head = [
    "on the overview",
    "requests",
    "failed",
    "p50 ms",
    "p95 ms",
    "CPU ms/req",
    "gateway",
    "parts",
    "browser, cores",
  ];
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of costs) {
    table.push([
      row.viewers,
      row.requests,
      row.failed,
      row.latency_ms_p50.toFixed(1),
      row.latency_ms_p95.toFixed(1),
      row.cpu_ms_per_request.toFixed(2),
      row.gateway_cpu_ms_per_request.toFixed(2),
      row.parts_cpu_ms_per_request.toFixed(2),
      row.browser_share.toFixed(2),
    ]);
  }
  return table.toString();
}
