/** What may be asked of Prometheus: the metrics of docs/metrics.md, what the rules record, and what every target has. */
import { documentedMetrics } from "./documented.ts";
import { labelsOfLegend, namedIn } from "./promql.ts";

/** Labels that Prometheus or a process puts on everything. */
const EVERYWHERE = ["service", "job", "instance"];
/** Of Prometheus itself, and of Node. */
const GIVEN: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ["alertname", "alertstate", "severity"],
  process_start_time_seconds: [],
  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
  nodejs_eventloop_lag_p99_seconds: [],
  nodejs_heap_size_used_bytes: [],
  nodejs_gc_duration_seconds_sum: ["kind"],
};

export type Recorded = { readonly record: string; readonly expr: string };

const rows = new Map(documentedMetrics().map((row) => [row.name, row]));

/** @returns the row of a metric, also by the name of a histogram's series. */
export function rowOf(name: string): ReturnType<typeof documentedMetrics>[number] | undefined {
  const histogram = /^(.+)_(bucket|sum|count)$/.exec(name)?.[1] ?? "";
  return rows.get(name) ?? (rows.get(histogram)?.type === "histogram" ? rows.get(histogram) : undefined);
}

/** @returns labels that the metric has, or undefined where there is none of the name. */
export function labelsOf(name: string, recorded: readonly Recorded[]): readonly string[] | undefined {
  const rule = recorded.find(({ record }) => record === name);
  if (rule !== undefined) return namedIn(rule.expr).grouped.filter((label) => label !== "le");
  const given = GIVEN[name];
  if (given !== undefined) return [...given, ...EVERYWHERE];
  const row = rowOf(name);
  if (row === undefined) return undefined;
  return [...row.labels, ...EVERYWHERE, ...(name.endsWith("_bucket") ? ["le"] : [])];
}

/** @returns what is wrong with the names in a query, in words. @param legend of its line. */
export function wrongNames(query: string, recorded: readonly Recorded[], legend = ""): string[] {
  const { metrics, grouped } = namedIn(query);
  const wrong: string[] = metrics.length === 0 ? [`names no metric: ${query}`] : [];
  const all = new Set<string>();
  for (const { name, labels, counted } of metrics) {
    const has = labelsOf(name, recorded);
    if (has === undefined) wrong.push(`${name} is no metric: ${query}`);
    for (const label of has ?? []) all.add(label);
    for (const label of labels) if (has?.includes(label) === false) wrong.push(`${name} has no label ${label}`);
    const row = rowOf(name);
    if (row?.type === "gauge" && counted) wrong.push(`${name} is a gauge and has no rate`);
    if (row?.type === "histogram" && row.name === name) wrong.push(`${name} is a histogram: ask for its series`);
  }
  for (const label of [...grouped, ...labelsOfLegend(legend)]) {
    if (!all.has(label)) wrong.push(`no metric of the query has the label ${label}: ${query}`);
  }
  return wrong;
}
