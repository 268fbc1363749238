/** How a comparison reads in a terminal. Pure. */
import type { Difference, Side } from "../../services/replay/compare/difference.ts";
import { formatMs, formatUsd } from "../../services/replay/compare/figures.ts";
import type { GateResult } from "../../services/replay/compare/gates.ts";
import type { Comparison, ComparisonSummary } from "../../services/replay/compare/summary.ts";
import { formatTable, oneLine } from "../output/format.ts";

const WIDTH = 110;

export function comparisonText({ replay, mode, summary, worst }: Comparison, gates: readonly GateResult[]): string {
  const parts = [
    `${replay}, ${mode}: ${summary.compared} compared${without(summary)}`,
    sums(summary),
    answers(summary),
    ...(summary.tier_moves.length === 0 ? [] : [moves(summary)]),
    ...(worst.length === 0 ? ["nothing differs"] : [worstText(worst)]),
    ...(gates.length === 0 ? [] : [gatesText(gates)]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function without({ without_original }: ComparisonSummary): string {
  return without_original === 0 ? "" : `, ${without_original} without an original result`;
}

function sums({ original, replayed, cost_ratio, latency_p95_ratio }: ComparisonSummary): string {
  const statuses = [...new Set([...Object.keys(original.by_status), ...Object.keys(replayed.by_status)])].sort();
  const times = (ratio: number | undefined): string => (ratio === undefined ? "" : `× ${ratio.toFixed(3)}`);
  const rows = [
    ...statuses.map((status) => [status, count(original.by_status[status]), count(replayed.by_status[status]), ""]),
    ["cost", formatUsd(original.cost_nusd), formatUsd(replayed.cost_nusd), times(cost_ratio)],
    ["tokens in", count(original.prompt_tokens), count(replayed.prompt_tokens), ""],
    ["tokens out", count(original.completion_tokens), count(replayed.completion_tokens), ""],
    ["latency p50", formatMs(original.latency_ms.p50), formatMs(replayed.latency_ms.p50), ""],
    ["latency p95", formatMs(original.latency_ms.p95), formatMs(replayed.latency_ms.p95), times(latency_p95_ratio)],
  ];
  return formatTable(["", "original", "replayed", ""], rows, [1, 2, 3]);
}

function answers({ answers, same_ratio, distance }: ComparisonSummary): string {
  const kinds = Object.entries(answers).filter(([, number]) => number > 0);
  const listed = kinds.map(([kind, number]) => `${kind.replace("_", " ")} ${number}`).join(", ");
  const far =
    distance.known === 0 ? "" : `; distance p95 ${distance.p95.toFixed(3)}, at most ${distance.max.toFixed(3)}`;
  return `answers  ${listed || "none"} (${(100 * same_ratio).toFixed(1)} % the same)${far}`;
}

function moves({ tier_moves }: ComparisonSummary): string {
  return `tiers    ${tier_moves.map(({ from, to, count }) => (from === to ? `${from} ${count}` : `${from} → ${to} ${count}`)).join(", ")}`;
}

function worstText(worst: readonly Difference[]): string {
  return ["worst differences", ...worst.map(differenceText)].join("\n");
}

function differenceText({ tenant, id, answers, distance, original, replayed, texts }: Difference): string {
  const far = distance === undefined ? "" : `, distance ${distance.toFixed(3)}`;
  const lines = [
    `  ${id} (${tenant}): ${answers.replace("_", " ")}${far}`,
    `    original  ${original === undefined ? "-" : sideText(original)}`,
    `    replayed  ${sideText(replayed)}`,
  ];
  if (texts !== undefined) {
    lines.splice(2, 0, `              ${oneLine(texts.original, WIDTH)}`);
    lines.push(`              ${oneLine(texts.replayed, WIDTH)}`);
  }
  return lines.join("\n");
}

function sideText({ status, error_code, tier, model, cost_nusd, latency_ms }: Side): string {
  const why = error_code === undefined ? "" : ` (${error_code})`;
  return `${status}${why}, ${tier ?? "-"}, ${model ?? "-"}, ${formatUsd(cost_nusd)}, ${formatMs(latency_ms)}`;
}

function gatesText(gates: readonly GateResult[]): string {
  const rows = gates.map(({ gate, limit, value, passed }) => [
    gate,
    value === undefined ? "nothing to measure" : String(Number(value.toPrecision(4))),
    String(limit),
    passed ? "passed" : "FAILED",
  ]);
  return formatTable(["gate", "measured", "limit", ""], rows, [1, 2]);
}

function count(value: number | undefined): string {
  return (value ?? 0).toLocaleString("en-US");
}
