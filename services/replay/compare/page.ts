/** A comparison as one self-contained HTML page with plots: nothing is loaded from elsewhere. Pure. */

import type { Difference } from "./difference.ts";
import { formatMs, formatUsd } from "./figures.ts";
import type { GateResult } from "./gates.ts";
import { PAGE_SCRIPT } from "./page-script.ts";
import { PAGE_STYLE } from "./page-style.ts";
import type { Comparison, ComparisonSummary } from "./summary.ts";

export type PageParts = {
  /** uPlot, as its package has it for a script element, and its style. */
  readonly plot_script: string;
  readonly plot_style: string;
  /** For people: what was replayed, and when the page was made. */
  readonly title: string;
  readonly made_at: string;
  readonly gates: readonly GateResult[];
};

const DISTANCE_PLOT = `<figure><figcaption>Distance between answers (requests)</figcaption><div id="distance"></div></figure>`;

export function comparisonPage(comparison: Comparison, parts: PageParts): string {
  const { summary, worst, sample } = comparison;
  const data = { sample, histogram: summary.distance_histogram };
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<title>${escaped(parts.title)}</title>
<style>${parts.plot_style}
${PAGE_STYLE}</style>
</head>
<body>
<main>
<header><h1>${escaped(parts.title)}</h1><p>Replay ${escaped(comparison.replay)}, ${escaped(comparison.mode)} · made ${escaped(parts.made_at)}</p></header>
${gatesSection(parts.gates)}
${figures(summary)}
${sides(summary)}
<section><h2>Plots</h2><div class="plots">
${summary.distance.known === 0 ? "" : DISTANCE_PLOT}
<figure><figcaption>Cost of each request, sorted (US dollars)</figcaption><div id="cost"></div></figure>
<figure><figcaption>Latency, by share of requests (ms)</figcaption><div id="latency"></div></figure>
</div></section>
${moves(summary)}
${worstSection(worst)}
</main>
<script>${scriptText(parts.plot_script)}</script>
<script type="application/json" id="data">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

function scriptText(script: string): string {
  return script.replaceAll("</script", "<\\/script");
}

function gatesSection(gates: readonly GateResult[]): string {
  if (gates.length === 0) return "";
  const rows = gates.map(
    ({ gate, limit, value, passed }) =>
      `<tr><td>${gate}</td><td class="n">${value === undefined ? "nothing to measure" : rounded(value)}</td><td class="n">${limit}</td><td class="${passed ? "good" : "bad"}">${passed ? "passed" : "failed"}</td></tr>`,
  );
  return `<section><h2>Gates</h2>${table(["gate", "measured", "limit", ""], rows)}</section>`;
}

function figures({ answers, compared, same_ratio, cost_ratio, distance, without_original }: ComparisonSummary): string {
  const stats: [string, string][] = [
    ["compared", String(compared)],
    ["same answer", percent(same_ratio)],
    ["cost", cost_ratio === undefined ? "–" : `× ${cost_ratio.toFixed(3)}`],
    ["answers lost", String(answers.gone)],
    ["answers won", String(answers.new)],
    ["distance p95", distance.known === 0 ? "–" : distance.p95.toFixed(3)],
    ["without original", String(without_original)],
  ];
  const cells = stats.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`);
  return `<dl class="stats">${cells.join("")}</dl>`;
}

function sides({ original, replayed }: ComparisonSummary): string {
  const names = [...new Set([...Object.keys(original.by_status), ...Object.keys(replayed.by_status)])].sort();
  const rows: [string, string, string][] = [
    ...names.map((name): [string, string, string] => [
      name,
      String(original.by_status[name] ?? 0),
      String(replayed.by_status[name] ?? 0),
    ]),
    ["cost", formatUsd(original.cost_nusd), formatUsd(replayed.cost_nusd)],
    ["tokens in", String(original.prompt_tokens), String(replayed.prompt_tokens)],
    ["tokens out", String(original.completion_tokens), String(replayed.completion_tokens)],
    ["latency p50", formatMs(original.latency_ms.p50), formatMs(replayed.latency_ms.p50)],
    ["latency p95", formatMs(original.latency_ms.p95), formatMs(replayed.latency_ms.p95)],
  ];
  const cells = rows.map(
    ([name, before, after]) =>
      `<tr><td>${escaped(name)}</td><td class="n">${before}</td><td class="n">${after}</td></tr>`,
  );
  return `<section><h2>In sum</h2>${table(["", "original", "replayed"], cells)}</section>`;
}

function moves({ tier_moves }: ComparisonSummary): string {
  if (tier_moves.length === 0) return "";
  const rows = tier_moves.map(
    ({ from, to, count }) => `<tr><td>${escaped(from)}</td><td>${escaped(to)}</td><td class="n">${count}</td></tr>`,
  );
  return `<section><h2>Tiers</h2>${table(["original", "replayed", "requests"], rows, 2)}</section>`;
}

function worstSection(worst: readonly Difference[]): string {
  if (worst.length === 0) return "<section><h2>Differences</h2><p>Nothing differs.</p></section>";
  return `<section><h2>Worst differences</h2>${worst.map(worstEntry).join("")}</section>`;
}

function worstEntry({ tenant, id, answers, distance, original, replayed, texts }: Difference): string {
  const far = distance === undefined ? "" : ` · distance ${distance.toFixed(3)}`;
  const side = (one: Difference["original"]): string =>
    one === undefined
      ? "–"
      : `${one.status}${one.error_code === undefined ? "" : ` (${one.error_code})`} · ${one.tier ?? "-"} · ${one.model ?? "-"} · ${formatUsd(one.cost_nusd)} · ${formatMs(one.latency_ms)}`;
  const said = (text: string | undefined): string => (text === undefined ? "" : `<pre>${escaped(text)}</pre>`);
  return `<details><summary><b>${escaped(id)}</b> <span>${escaped(tenant)} · ${answers.replace("_", " ")}${far}</span></summary>
<div class="two"><div><h3>original</h3><p>${escaped(side(original))}</p>${said(texts?.original)}</div><div><h3>replayed</h3><p>${escaped(side(replayed))}</p>${said(texts?.replayed)}</div></div></details>`;
}

/** @param numbers_from the first column of numbers. */
function table(head: readonly string[], rows: readonly string[], numbers_from = 1): string {
  const cells = head.map((name, index) => `<th${index >= numbers_from ? ' class="n"' : ""}>${name}</th>`);
  return `<table><thead><tr>${cells.join("")}</tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}
