/** A load run as one self-contained HTML page with plots: nothing is loaded from elsewhere. Pure. */
import { PAGE_STYLE } from "../../services/replay/compare/page-style.ts";
import { formatMs, formatUsd } from "../output/format.ts";
import { titleOf } from "./faults.ts";
import { FIGURES, type FigureName } from "./figures.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { checkTargets, figureRows, figuresOf, type RunRecord, warningsOf } from "./record.ts";
import { percentileOf, type Step, type StepTime } from "./steps.ts";
import { valueText } from "./view.ts";

export type PageParts = {
  /** uPlot, as its package has it for a script element, and its style. */
  readonly plot_script: string;
  readonly plot_style: string;
};

const OWN_STYLE = `
main .wide { overflow-x: auto; } .note { border-left: 3px solid var(--bad); padding: .3rem .8rem; background: var(--panel); }
td:first-child { min-width: 11rem; }
`;

export function reportPage(record: RunRecord, { plot_script, plot_style }: PageParts): string {
  const { scenario, run, started_ms, planned_ms } = record;
  const title = `Load: ${scenario.name}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${escaped(title)}</title>
<style>${plot_style}
${PAGE_STYLE}${OWN_STYLE}</style>
</head>
<body>
<main>
<header><h1>${escaped(title)}</h1><p>${escaped(run)} · ${new Date(started_ms).toISOString().slice(0, 19).replace("T", " ")} UTC · ${formatMs(planned_ms)}</p></header>
${warningsOf(record)
  .map((warning) => `<p class="note">${escaped(warning)}</p>`)
  .join("\n")}
${stats(record)}
${targets(record)}
${plots(record)}
${figures(record)}
${endings(record)}
${faults(record)}
${versions(record)}
<section><h2>Scenario</h2><details><summary>${escaped(scenario.name)} <span>sha256 ${scenario.sha256.slice(0, 16)}</span></summary><pre>${escaped(scenario.text)}</pre></details></section>
</main>
<script>${plot_script.replaceAll("</script", "<\\/script")}</script>
<script type="application/json" id="data">${JSON.stringify(plotData(record)).replaceAll("<", "\\u003c")}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function stats({ recorded, planned_ms, took_ms, figures: all }: RunRecord): string {
  const { asked, sent, answered, failed, timed_out, not_sent, hits, completion_tokens, cost_nusd } = recorded.counts;
  const perSecond = (count: number, span_ms: number): string =>
    span_ms <= 0 ? "–" : ((count * 1_000) / span_ms).toFixed(1);
  const entries: [string, string][] = [
    ["asked", `${asked}`],
    ["sent", `${sent}`],
    ["answered", `${answered}`],
    ["failed", `${failed}`],
    ["timed out", `${timed_out}`],
    ["not sent", `${not_sent}`],
    ["asked a second", perSecond(asked, planned_ms)],
    ["tokens a second", perSecond(completion_tokens, took_ms)],
    ["latency p50", all.latency === undefined ? "–" : valueText("latency", all.latency.p50)],
    ["latency p99", all.latency === undefined ? "–" : valueText("latency", all.latency.p99)],
    ["hit ratio", answered === 0 ? "–" : `${((100 * hits) / answered).toFixed(1)} %`],
    ["cost", formatUsd(cost_nusd / 1e9)],
  ];
  return `<dl class="stats">${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}

function targets(record: RunRecord): string {
  const results = checkTargets(record);
  if (results.length === 0) return "";
  const rows = results.map(({ target, limit, value, met }) => [
    target,
    value === undefined ? "nothing to measure" : String(Number(value.toPrecision(4))),
    String(limit),
    met ? "met" : "missed",
  ]);
  return `<section><h2>Targets</h2>${table(["target", "measured", "limit", ""], rows)}</section>`;
}

function figures(record: RunRecord): string {
  const rows = figureRows(record).map(([name, { mean, p50, p95, p99, max, count }]) => [
    FIGURES[name].title,
    ...[mean, p50, p95, p99, max].map((value) => valueText(name, value)),
    String(count),
  ]);
  return `<section><h2>Figures</h2>${table(["", "mean", "p50", "p95", "p99", "max", "count"], rows)}
<p>Of good answers. Latency counts from when a request was due, so that waiting in line is in it.</p></section>`;
}

function endings({ recorded }: RunRecord): string {
  const rows = Object.entries(recorded.errors).map(([code, count]) => [code, String(count)]);
  if (rows.length === 0) return "";
  return `<section><h2>Errors</h2>${table(["code", "requests"], rows)}</section>`;
}

function faults({ scenario }: RunRecord): string {
  const rows = scenario.as_run.faults.map((fault) => [
    titleOf(fault),
    `${seconds(fault.at)}`,
    `${seconds(fault.at + fault.for)}`,
  ]);
  if (rows.length === 0) return "";
  return `<section><h2>Faults of the mock model</h2>${table(["", "from, s", "to, s"], rows)}</section>`;
}

function versions({ versions: made, machine, target, workers, recorded, took_ms }: RunRecord): string {
  const { git, settings_sha256, price_version, tiers } = made;
  const rows = [
    [
      "revision",
      git === undefined ? "unknown" : `${git.revision.slice(0, 12)}${git.is_changed ? ", with changes" : ""}`,
    ],
    ["settings", `sha256 ${settings_sha256.slice(0, 16)}`],
    ["prices", price_version],
    ...Object.entries(tiers).map(([name, { models, prompt }]) => [
      `tier ${name}`,
      `${models.join(", ")}${prompt === undefined ? "" : ` · prompt ${prompt.version} (${prompt.sha256.slice(0, 8)})`}`,
    ]),
    [
      "target",
      [target.gateway, target.kafka, target.is_mock ? "the bundled mock answers" : undefined]
        .filter(Boolean)
        .join(" · "),
    ],
    [
      "machine",
      `${machine.cores} cores, ${machine.cpu}, ${Math.round(machine.memory_bytes / 2 ** 30)} GiB, ${machine.platform}, Node ${machine.node}`,
    ],
    [
      "generator",
      `${workers} ${workers === 1 ? "process" : "processes"}, ${((100_000 * recorded.cpu_s) / Math.max(1, took_ms)).toFixed(0)} % of a core`,
    ],
  ];
  return `<section><h2>Versions</h2>${table(["", ""], rows, 2)}</section>`;
}

type Line = { readonly label: string; readonly values: readonly (number | null)[] };

const PERCENTS = [50, 95, 99] as const;

function plots({ figures: all }: RunRecord): string {
  const figure = (id: string, caption: string): string =>
    `<figure><figcaption>${caption}</figcaption><div id="${id}"></div></figure>`;
  return `<section><h2>Plots</h2><div class="plots">
${figure("rate", "Requests a second, by when they were due")}
${figure("latency", "Whole latency from when it was due (ms)")}
${figure("errors", "Errors, time-outs and requests not sent, a second")}
${all.first_token === undefined ? "" : figure("first_token", "Time to first token (ms)")}
${all.pipeline === undefined ? "" : figure("pipeline", "In the pipeline, received to completed (ms)")}
${figure("distribution", "Whole latency by share of answers (ms)")}
</div><p>Bands are faults of the mock model.</p></section>`;
}

function plotData(record: RunRecord): object {
  const { recorded, step_ms, scenario } = record;
  const { steps } = recorded;
  const rate = (count: (step: Step) => number): number[] => steps.map((step) => (count(step) * 1_000) / step_ms);
  const percentiles = (name: StepTime): Line[] =>
    PERCENTS.map((percent) => ({
      label: `p${percent}`,
      values: steps.map((step) => percentileOf(step[name], percent) ?? null),
    }));
  const lines: { readonly id: string; readonly series: readonly Line[] }[] = [
    {
      id: "rate",
      series: [
        { label: "asked", values: rate(({ asked }) => asked) },
        { label: "answered", values: rate(({ answered }) => answered) },
      ],
    },
    { id: "latency", series: percentiles("latency") },
    {
      id: "errors",
      series: [
        { label: "failed", values: rate(({ failed }) => failed) },
        { label: "timed out", values: rate(({ timed_out }) => timed_out) },
        { label: "not sent", values: rate(({ not_sent }) => not_sent) },
      ],
    },
    { id: "first_token", series: percentiles("first_token") },
    { id: "pipeline", series: percentiles("pipeline") },
  ];
  return {
    seconds: steps.map((_, index) => (index * step_ms) / 1_000),
    lines,
    distribution: distributionOf(record),
    faults: scenario.as_run.faults.map(({ at, for: lasting }) => ({
      from_s: at / 1_000,
      to_s: (at + lasting) / 1_000,
    })),
  };
}

/** By nines: 1 is 90 %, 2 is 99 %; as far as there are answers to tell. */
function distributionOf(record: RunRecord): { nines: number[]; series: Line[] } {
  const histograms = figuresOf(record.recorded);
  const count = Math.max(1, record.figures.latency?.count ?? 1);
  const most = Math.min(5, Math.log10(count));
  const nines = Array.from({ length: 101 }, (_, index) => (most * index) / 100);
  const percents = nines.map((nine) => 100 - 100 / 10 ** nine);
  const shown: readonly FigureName[] = ["latency", "from_sent", "pipeline"];
  const series = shown
    .map((name) => ({ label: FIGURES[name].title, values: histograms.distribution(name, percents) }))
    .filter(({ values }) => values.length > 0);
  return { nines, series };
}

function seconds(time_ms: number): number {
  return Math.round(time_ms / 100) / 10;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

/** @param numbers_from the first column of numbers. */
function table(head: readonly string[], rows: readonly (readonly string[])[], numbers_from = 1): string {
  const cell = (name: string, kind: "th" | "td", index: number): string =>
    `<${kind}${index >= numbers_from ? ' class="n"' : ""}>${escaped(name)}</${kind}>`;
  const line = (cells: readonly string[], kind: "th" | "td"): string =>
    `<tr>${cells.map((name, index) => cell(name, kind, index)).join("")}</tr>`;
  return `<div class="wide"><table><thead>${line(head, "th")}</thead><tbody>${rows.map((row) => line(row, "td")).join("")}</tbody></table></div>`;
}
