/**
 * A board in Grafana's JSON model, from what is particular to it: rows of panels, with queries, units and bounds. Pure. Datasources are the
 * board's variable, so that nothing in it knows an installation.
 */

/** [query, what a line is called]; in names `{{label}}` is the label's value. */
export type Query = readonly [expr: string, legend: string];

export type Panel = {
  readonly title: string;
  /** What it answers, where the title does not say it. */
  readonly about?: string;
  readonly queries: readonly Query[];
  /** Grafana's name of it: `s`, `reqps`, `percentunit`, `currencyUSD`, `bytes`, `short`, … */
  readonly unit: string;
  readonly kind?: "timeseries" | "stat" | "bargauge" | "table";
  /** From where on it is amber, and red. With `below`, up to where. */
  readonly bounds?: readonly [amber: number, red: number];
  readonly below?: boolean;
  readonly max?: number;
  readonly stack?: boolean;
};

export type Row = { readonly title: string; readonly panels: readonly Panel[]; readonly height?: number };

export type Variable = { readonly name: string; readonly label: string; readonly metric: string };

export type Board = {
  readonly uid: string;
  readonly title: string;
  readonly about: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
};

export const GROUP: Variable = { name: "group", label: "Group", metric: "sluice_group_in_flight" };
export const TIER: Variable = { name: "tier", label: "Tier", metric: "sluice_endpoint_health" };
export const TENANT: Variable = { name: "tenant", label: "Tenant", metric: "sluice_tenant_requests_total" };

const DATASOURCE = { type: "prometheus", uid: `\${datasource}` };
const WIDTH = 24;
const TALL = 8;
/** Columns of a table that say nothing. */
const UNSAID = { Time: true, Value: true, __name__: true, alertstate: true };
const COLOURS = ["green", "orange", "red"];

/** Panels of a histogram: a line for each quantile and each value of the labels. */
export function quantiles(
  metric: string,
  by: string,
  where: string,
  of: readonly number[] = [0.5, 0.95, 0.99],
): Query[] {
  const labels = by.split(", ").map((label) => `{{${label}}}`);
  return of.map((quantile) => [
    `histogram_quantile(${quantile}, sum by (${by}, le) (rate(${metric}_bucket${where}[$__rate_interval])))`,
    `p${Math.round(quantile * 100)} ${labels.join(" ")}`,
  ]);
}

/** @returns the board as Grafana reads it from a file; ids of panels count from 1, in reading order. */
export function boardJson(board: Board): Record<string, unknown> {
  const panels: Record<string, unknown>[] = [];
  let y = 0;
  for (const { title, panels: of_row, height = TALL } of board.rows) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
      panels: [],
    });
    y += 1;
    const columns = of_row.length > 4 && height < TALL ? of_row.length : Math.min(3, of_row.length);
    const w = Math.floor(WIDTH / columns);
    of_row.forEach((panel, index) => {
      const gridPos = { x: (index % columns) * w, y: y + Math.floor(index / columns) * height, w, h: height };
      panels.push({ id: panels.length + 1, gridPos, ...panelJson(panel) });
    });
    y += Math.ceil(of_row.length / columns) * height;
  }
  return {
    uid: board.uid,
    title: board.title,
    description: board.about,
    tags: ["sluice"],
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    schemaVersion: 39,
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    links: [
      { type: "dashboards", title: "Sluice", tags: ["sluice"], asDropdown: true, keepTime: true, includeVars: true },
    ],
    templating: { list: [datasourceJson(), ...board.variables.map(variableJson)] },
    annotations: { list: [alarmsJson()] },
    panels,
  };
}

function panelJson({ title, about, queries, unit, kind = "timeseries", bounds, below, max, stack }: Panel): object {
  return {
    type: kind,
    title,
    ...(about !== undefined && { description: about }),
    datasource: DATASOURCE,
    targets: queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: DATASOURCE,
      expr,
      legendFormat,
      ...(kind !== "timeseries" && { instant: true }),
      ...(kind === "table" && { format: "table" }),
    })),
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max !== undefined && { max }),
        thresholds: { mode: "absolute", steps: steps(bounds, below) },
        ...(kind === "timeseries" ? lines(bounds !== undefined, stack === true) : { color: { mode: "thresholds" } }),
      },
      overrides: [],
    },
    options: options(kind),
    ...(kind === "table" && { transformations: [{ id: "organize", options: { excludeByName: UNSAID } }] }),
  };
}

function steps(bounds: Panel["bounds"], below = false): object[] {
  const colours = below ? COLOURS.toReversed() : COLOURS;
  const from = bounds === undefined ? [] : below ? bounds.toReversed() : bounds;
  return [null, ...from].map((value, index) => ({ color: colours[bounds === undefined ? 0 : index], value }));
}

function lines(bounded: boolean, stacked: boolean): object {
  return {
    color: { mode: "palette-classic" },
    custom: {
      drawStyle: "line",
      lineWidth: 1,
      fillOpacity: stacked ? 30 : 5,
      showPoints: "never",
      spanNulls: false,
      stacking: { mode: stacked ? "normal" : "none", group: "A" },
      thresholdsStyle: { mode: bounded ? "dashed" : "off" },
    },
  };
}

function options(kind: Panel["kind"]): object {
  const last = { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false } };
  if (kind === "stat") return { ...last, colorMode: "value", graphMode: "none", textMode: "auto" };
  if (kind === "bargauge") return { ...last, displayMode: "basic", orientation: "horizontal" };
  if (kind === "table") return { showHeader: true, cellHeight: "sm", sortBy: [{ displayName: "severity" }] };
  return {
    legend: { displayMode: "table", placement: "bottom", calcs: ["lastNotNull", "max"], showLegend: true },
    tooltip: { mode: "multi", sort: "desc" },
  };
}

function datasourceJson(): object {
  return {
    type: "datasource",
    name: "datasource",
    label: "Data source",
    query: "prometheus",
    refresh: 1,
    multi: false,
  };
}

function variableJson({ name, label, metric }: Variable): object {
  const query = `label_values(${metric}, ${name})`;
  return {
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: ".*",
    current: { text: "All", value: "$__all" },
  };
}

/** Where an alarm fires, each plot has a mark. */
function alarmsJson(): object {
  return {
    name: "Alarms",
    datasource: DATASOURCE,
    enable: true,
    expr: `ALERTS{alertstate="firing", alertname=~"Sluice.+"}`,
    titleFormat: "{{alertname}}",
    tagKeys: "severity",
    iconColor: "red",
  };
}
