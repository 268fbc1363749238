/** The comparison as one self-contained HTML page with plots: nothing is loaded from elsewhere. Pure. */
import type { PlotParts } from "../../../cli/output/plot-parts.ts";
import { PAGE_STYLE } from "../../../services/replay/compare/page-style.ts";
import { type Comparison, PACES } from "./compare.ts";
import type { RunResult } from "./run.ts";
import { HEAD, rowsOf } from "./table.ts";

/** uPlot, as its package has it for a script element, and its style. */

const PLOTS = [
  ["arrivals_per_s", "Arrivals (records a second)"],
  ["workers", "Workers, with those that start"],
  ["oldest_age_s", "Oldest record (s)"],
  ["late", "Late records, by when they ended"],
] as const;

export function scalingPage(comparisons: readonly Comparison[], { plot_script, plot_style }: PlotParts): string {
  // The first seed stands for the others: the plots show how it goes, the table how it came out.
  const series = comparisons.map(({ ours, lag }) => ({ policy: seriesOf(ours[0]), lag: seriesOf(lag?.results[0]) }));
  const head = HEAD.map((name) => `<th>${name}</th>`).join("");
  const rows = comparisons
    .flatMap(rowsOf)
    .map((cells) => `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Scaling: the policy and lag alone</title>
<style>${plot_style}
${PAGE_STYLE}</style>
</head>
<body>
<main>
<header><h1>Scaling: the policy and lag alone</h1><p>Lag-only scaling is at its best threshold and least number within the policy's worker hours. Plots are of the first seed.</p></header>
<table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table>
${comparisons.map(section).join("\n")}
</main>
<script>${plot_script.replaceAll("</script", "<\\/script")}</script>
<script type="application/json" id="data">${JSON.stringify(series).replaceAll("<", "\\u003c")}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function section({ scenario, pace }: Comparison, index: number): string {
  const figures = PLOTS.map(
    ([name, title]) => `<figure><figcaption>${title}</figcaption><div id="${name}-${index}"></div></figure>`,
  );
  return `<section><h2>${escaped(scenario)} · ${escaped(PACES[pace].title)}</h2><div class="plots">${figures.join("")}</div></section>`;
}

function seriesOf(result: RunResult | undefined): RunResult["series"] | null {
  if (result === undefined) return null;
  const rounded = (values: readonly number[]): number[] => values.map((value) => Math.round(value * 100) / 100);
  const { at_s, arrivals_per_s, workers, oldest_age_s, late } = result.series;
  return { at_s, arrivals_per_s: rounded(arrivals_per_s), workers, oldest_age_s: rounded(oldest_age_s), late };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}

const SCRIPT = `
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [text, line] = dark ? ["#9198a1", "#30363d"] : ["#59636e", "#d1d9e0"];
  const [ours, theirs] = dark ? ["#4493f8", "#d29922"] : ["#0969da", "#bc4c00"];
  const axis = (more) => ({ stroke: text, grid: { stroke: line }, ticks: { stroke: line }, ...more });
  const time = (s) => Math.floor(s / 3600) + ":" + String(Math.floor((s % 3600) / 60)).padStart(2, "0");
  JSON.parse(document.getElementById("data").textContent).forEach(({ policy, lag }, index) => {
    for (const name of ["arrivals_per_s", "workers", "oldest_age_s", "late"]) {
      const place = document.getElementById(name + "-" + index);
      const both = lag !== null && name !== "arrivals_per_s";
      const series = [{ label: "time", value: (_, s) => (s === null ? "" : time(s)) }, { label: name === "arrivals_per_s" ? "arrivals" : "policy", stroke: ours, width: 1.5, points: { show: false } }];
      if (both) series.push({ label: "lag", stroke: theirs, width: 1.5, points: { show: false } });
      const width = () => Math.max(260, place.clientWidth);
      const options = { width: width(), height: 220, series, scales: { x: { time: false } }, axes: [axis({ values: (_, ticks) => ticks.map(time) }), axis({ size: 60 })] };
      const plot = new uPlot(options, both ? [policy.at_s, policy[name], lag[name]] : [policy.at_s, policy[name]], place);
      addEventListener("resize", () => plot.setSize({ width: width(), height: 220 }));
    }
  });
})();
`;
