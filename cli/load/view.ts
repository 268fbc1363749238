/** A load run for the terminal. Pure. */
import { formatMs, formatTable, formatUsd } from "../output/format.ts";
import type { Estimate } from "./estimate.ts";
import { FIGURES, type FigureName } from "./figures.ts";
import { checkTargets, figureRows, type RunRecord, warningsOf } from "./record.ts";
import type { Counts } from "./recorder.ts";

export function runText(record: RunRecord): string {
  const { recorded, took_ms, planned_ms } = record;
  const rows = figureRows(record).map(([name, { p50, p95, p99, max, count }]) => [
    FIGURES[name].title,
    ...[p50, p95, p99, max].map((value) => valueText(name, value)),
    String(count),
  ]);
  const errors = Object.entries(recorded.errors).map(([code, count]) => `${code} ${count}`);
  const targets = checkTargets(record).map(
    ({ target, limit, value, met }) =>
      `target ${target} ${limit}: ${value === undefined ? "nothing to measure" : Number(value.toPrecision(4))}, ${met ? "met" : "missed"}`,
  );
  return [
    formatTable(["", "p50", "p95", "p99", "max", "count"], rows, [1, 2, 3, 4, 5]),
    "",
    countsText(recorded.counts),
    ratesText(recorded.counts, planned_ms, took_ms),
    ...(errors.length === 0 ? [] : [`errors: ${errors.join(", ")}`]),
    ...sessionsText(recorded.counts),
    ...targets,
    ...warningsOf(record).map((warning) => `note: ${warning}`),
    "",
  ].join("\n");
}

/** In the figure's unit. */
export function valueText(name: FigureName, value: number): string {
  const { unit } = FIGURES[name];
  if (unit === "usd") return formatUsd(value);
  if (unit === "ms") return value < 10 ? `${value.toFixed(2)} ms` : formatMs(value);
  return value.toFixed(value < 100 ? 1 : 0);
}

function countsText(counts: Counts): string {
  const { asked, not_sent, sent, answered, failed, timed_out, interrupted, late } = counts;
  const parts = [
    `asked ${asked}`,
    ...(not_sent > 0 ? [`not sent ${not_sent}`] : []),
    `sent ${sent}`,
    `answered ${answered}`,
    `failed ${failed}`,
    `timed out ${timed_out}`,
    ...(interrupted > 0 ? [`interrupted ${interrupted}`] : []),
    ...(late > 0 ? [`answered too late ${late}`] : []),
  ];
  return parts.join(", ");
}

function ratesText(
  { asked, answered, hits, completion_tokens, cost_nusd }: Counts,
  planned_ms: number,
  took_ms: number,
): string {
  const hit_ratio = answered === 0 ? 0 : hits / answered;
  return [
    `${perSecond(asked, planned_ms)} asked/s`,
    `${perSecond(answered, took_ms)} answered/s`,
    `${perSecond(completion_tokens, took_ms)} tokens/s`,
    `hit ratio ${(100 * hit_ratio).toFixed(1)} %`,
    `cost ${formatUsd(cost_nusd / 1e9)}`,
  ].join(", ");
}

function sessionsText({ sessions_begun, sessions_ended, sessions_broken }: Counts): string[] {
  return sessions_begun === 0
    ? []
    : [`sessions begun ${sessions_begun}, ended ${sessions_ended}, broken ${sessions_broken}`];
}

function perSecond(count: number, span_ms: number): string {
  return span_ms <= 0 ? "0" : ((count * 1_000) / span_ms).toFixed(1);
}

/** Said before anything is sent. */
export function estimateText(estimate: Estimate, duration_ms: number, is_mock: boolean, by: readonly string[]): string {
  const { requests, prompt_tokens, output_tokens, cost_usd } = estimate;
  const tokens = `${thousands(prompt_tokens)} tokens in, ${thousands(output_tokens)} out at the most`;
  const price = cost_usd === undefined ? "a price that the settings do not know" : formatUsd(cost_usd);
  const cost = is_mock
    ? `the bundled mock answers, which costs nothing; in the ledger it counts as up to ${price}`
    : `it may cost about ${price} without what the cache answers`;
  return `about ${thousands(requests)} requests in ${formatMs(duration_ms)} by ${by.join(" and ")} (${tokens}); ${cost}`;
}

function thousands(count: number): string {
  return count.toLocaleString("en-GB");
}
