/** The run as one page with three plots, which needs nothing else. Pure. */
import type { Phase } from "./phases.ts";
import { rateAt } from "./phases.ts";
import type { Outcome, Row } from "./run.ts";

type Line = {
  readonly name: string;
  readonly colour: string;
  readonly step?: boolean;
  readonly of: (row: Row, index: number) => number;
};

const WIDTH = 900;
const HEIGHT = 200;
const LEFT = 56;
const BOTTOM = 24;

export function page({ rows, changes }: Outcome, phases: readonly Phase[], figures: string): string {
  const rate = (of: (row: Row) => number) => (_: Row, index: number) => perSecond(rows, index, of);
  const plots = [
    plot("Requests a second", rows, [
      { name: "asked for", colour: "#999", step: true, of: (row) => rateAt(phases, row.at_s * 1_000) },
      { name: "sent", colour: "#2563eb", of: rate((row) => row.sent) },
      { name: "results", colour: "#16a34a", of: rate((row) => row.results) },
    ]),
    plot("Inference workers", rows, [
      { name: "desired", colour: "#f59e0b", step: true, of: (row) => row.desired },
      { name: "processes", colour: "#7c3aed", step: true, of: (row) => row.workers },
    ]),
    plot("Age of the oldest unfinished record, s", rows, [
      { name: "oldest", colour: "#dc2626", of: (row) => row.oldest_age_s },
    ]),
  ];
  const list = changes.map((change) => `<li>${escaped(change)}</li>`).join("");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Autoscaling under a step of load</title>
<style>body{font:14px system-ui;max-width:${WIDTH + 20}px;margin:2em auto;padding:0 1em}svg{width:100%;height:auto}text{font:11px system-ui;fill:#555}pre{overflow:auto}</style>
<h1>Autoscaling under a step of load</h1>${plots.join("")}<h2>Changes</h2><ol>${list}</ol><h2>Figures</h2><pre>${escaped(figures)}</pre></html>
`;
}

/** Over the five rows before, so that the looks' own timing does not show. */
function perSecond(rows: readonly Row[], index: number, of: (row: Row) => number): number {
  const [now, before] = [rows[index], rows[Math.max(0, index - 5)]];
  if (now === undefined || before === undefined || now.at_s === before.at_s) return 0;
  return (of(now) - of(before)) / (now.at_s - before.at_s);
}

function plot(title: string, rows: readonly Row[], lines: readonly Line[]): string {
  const values = lines.map((line) => rows.map((row, index) => line.of(row, index)));
  const most = Math.max(1, ...values.flat()) * 1.1;
  const end_s = Math.max(1, rows.at(-1)?.at_s ?? 1);
  const x = (at_s: number): string => (LEFT + (at_s / end_s) * (WIDTH - LEFT - 8)).toFixed(1);
  const y = (value: number): string => (HEIGHT - BOTTOM - (value / most) * (HEIGHT - BOTTOM - 8)).toFixed(1);
  const paths = lines.map(({ colour, step = false }, line) => {
    const points = rows.map(({ at_s }, index) => {
      const to_y = y(values[line]?.[index] ?? 0);
      if (index === 0) return `M${x(at_s)} ${to_y}`;
      return step ? `H${x(at_s)}V${to_y}` : `L${x(at_s)} ${to_y}`;
    });
    return `<path d="${points.join("")}" fill="none" stroke="${colour}" stroke-width="1.6"/>`;
  });
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const [at, value] = [y(part * most), part * most];
    return `<line x1="${LEFT}" x2="${WIDTH - 8}" y1="${at}" y2="${at}" stroke="#eee"/><text x="${LEFT - 6}" y="${at}" text-anchor="end" dominant-baseline="middle">${value.toFixed(most < 20 ? 1 : 0)}</text>`;
  });
  const ticks = [0, 0.25, 0.5, 0.75, 1].map(
    (part) =>
      `<text x="${x(part * end_s)}" y="${HEIGHT - 6}" text-anchor="middle">${(part * end_s).toFixed(0)} s</text>`,
  );
  const legend = lines
    .map(({ name, colour }) => `<span style="color:${colour}">■</span> ${escaped(name)}`)
    .join(" &nbsp; ");
  return `<h2>${escaped(title)}</h2><div>${legend}</div><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(title)}">${[...grid, ...ticks, ...paths].join("")}</svg>`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
