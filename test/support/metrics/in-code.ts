/** The metrics that the code makes, with their types and labels, as its text says. */
import type { Source } from "../architecture/sources.ts";

export type CodeMetric = { readonly name: string; readonly type: string; readonly labels: readonly string[] };

const MADE = /new (Counter|Gauge|Histogram)(?:<[^({]*>)?\(/g;
const NAME = /"((?:sluice|gen_ai)_[a-z_]+)"/g;

/** Those whose names stand beside a maker that takes them (`gauge("…")`, a table) have that maker's labels. */
export function metricsInCode(sources: readonly Source[]): CodeMetric[] {
  const found = sources.flatMap(({ code }) => (code.includes("prom-client") ? ofFile(code) : []));
  return found.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

function ofFile(code: string): CodeMetric[] {
  const metrics: CodeMetric[] = [];
  const makers: { readonly at: number; readonly type: string; readonly labels: readonly string[] }[] = [];
  const spans: (readonly [number, number])[] = [];
  for (const match of code.matchAll(MADE)) {
    const from = match.index + match[0].length;
    const text = argumentsFrom(code, from);
    const labels = labelsIn(text, code);
    const type = (match[1] ?? "").toLowerCase();
    const name = /name: "([a-z_]+)"|name: ([A-Z_]+)\b/.exec(text);
    const literal = name?.[1] ?? constantIn(code, name?.[2]);
    spans.push([match.index, from + text.length]);
    if (literal === undefined) makers.push({ at: match.index, type, labels });
    else metrics.push({ name: literal, type, labels });
  }
  if (makers.length === 0) return metrics;
  for (const { 1: name = "", index } of code.matchAll(NAME)) {
    const inside = spans.some(([from, to]) => index > from && index < to);
    const used = /(?:gauge\(\s*|^\s*\[)$/m.test(code.slice(Math.max(0, index - 40), index));
    if (inside || !used || metrics.some((known) => known.name === name)) continue;
    const maker = makerOf(code, index, makers);
    if (maker !== undefined) metrics.push({ name, type: maker.type, labels: maker.labels });
  }
  return metrics;
}

/** Of a table, the maker in the loop over it; else the one before. */
function makerOf<T extends { readonly at: number }>(code: string, index: number, makers: readonly T[]): T | undefined {
  const table = [...code.slice(0, index).matchAll(/const ([A-Z_]+)[:=\s]/g)].at(-1)?.[1];
  const loop = table === undefined ? -1 : code.indexOf(`of ${table})`);
  return loop < 0 ? makers.findLast(({ at }) => at < index) : makers.find(({ at }) => at > loop);
}

function argumentsFrom(code: string, from: number): string {
  let depth = 1;
  for (let at = from; at < code.length; at += 1) {
    if (code[at] === "(") depth += 1;
    if (code[at] === ")") depth -= 1;
    if (depth === 0) return code.slice(from, at);
  }
  return code.slice(from);
}

function labelsIn(text: string, code: string): string[] {
  const list = /labelNames: \[([^\]]*)\]/.exec(text)?.[1];
  const constant = list === undefined ? /labelNames: ([A-Z_]+)/.exec(text)?.[1] : /\.\.\.([A-Z_]+)/.exec(list)?.[1];
  const shorthand = list === undefined && constant === undefined && /\blabelNames\b/.test(text);
  const named = shorthand ? "labelNames" : constant;
  return [...stringsIn(named === undefined ? "" : arrayOf(code, named)), ...stringsIn(list ?? "")];
}

function arrayOf(code: string, name: string): string {
  return new RegExp(`const ${name} = \\[([^\\]]*)\\]`).exec(code)?.[1] ?? "";
}

function constantIn(code: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : new RegExp(`const ${name} = "([a-z_]+)"`).exec(code)?.[1];
}

function stringsIn(text: string): string[] {
  return [...text.matchAll(/"([a-z_]+)"/g)].map(([, value]) => value ?? "");
}
