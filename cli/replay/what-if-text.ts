/** What other settings would have changed, in a terminal. Pure. */
import type { WhatIfReport, WhatIfSide } from "../../services/replay/what-if/report.ts";
import { formatMs, formatNusd, formatTable } from "../output/format.ts";

const BUDGETS_SHOWN = 5;

/** @param comparison of a replay. @returns undefined for one of another mode, or one that has not ended. */
export function whatIfOf(comparison: unknown): WhatIfReport | undefined {
  return (comparison as { readonly what_if?: WhatIfReport } | null | undefined)?.what_if;
}

export function whatIfText(report: WhatIfReport): string {
  const { before, after } = report;
  const line = (name: string, of: (side: WhatIfSide) => string): string[] => [name, of(before), of(after)];
  const rows = [
    ...keysOf(before.by_status, after.by_status).map((status) => line(status, (side) => count(side.by_status[status]))),
    ...keysOf(before.refused, after.refused).map((code) => line(`  ${code}`, (side) => count(side.refused[code]))),
    line("cache: exact", ({ hits }) => count(hits.exact)),
    line("cache: by meaning", ({ hits }) => count(hits.semantic)),
    line("cache: same under way", ({ hits }) => count(hits.coalesced)),
    ...keysOf(before.by_tier, after.by_tier).map((tier) =>
      line(
        `called: ${tier}`,
        ({ by_tier }) => `${count(by_tier[tier]?.requests)}, ${formatNusd(by_tier[tier]?.cost_nusd ?? 0)}`,
      ),
    ),
    line("cost", ({ cost_nusd }) => formatNusd(cost_nusd)),
    line("latency p50", ({ latency_ms }) => (latency_ms.p50 === undefined ? "-" : formatMs(latency_ms.p50))),
    line("latency p95", ({ latency_ms }) => (latency_ms.p95 === undefined ? "-" : formatMs(latency_ms.p95))),
  ];
  return `${[formatTable(["", "as recorded", "what if"], rows, [1, 2]), ...notes(report)].join("\n")}\n`;
}

/** What a reader has to know to believe the figures. */
function notes({ by_meaning, estimated, deferred, given_up, unreadable, budgets }: WhatIfReport): string[] {
  return [
    ...(estimated.requests > 0
      ? [`${count(estimated.requests)} results are partly guessed: their tier was another one`]
      : []),
    ...(deferred > 0 ? [`${count(deferred)} would have waited for room, ${count(given_up)} of them cut short`] : []),
    ...(unreadable > 0 ? [`${count(unreadable)} records could not be run`] : []),
    ...budgets
      .slice(0, BUDGETS_SHOWN)
      .map(
        ({ tenant, scope, window, cap_nusd, times }) =>
          `${tenant} would have met its ${scope} budget of ${formatNusd(cap_nusd)}${window === "" ? "" : ` (${window})`}, ${count(times)} times`,
      ),
    ...(by_meaning === "unavailable"
      ? [
          "NOT PREDICTED: answers by meaning, which the settings want: there are no embeddings here, so the cost is too high.",
          "Set SLUICE_EMBEDDING_MODEL_DIR, or name an endpoint in cache.semantic.embedding, and run it again.",
        ]
      : []),
  ];
}

function keysOf(one: object, other: object): string[] {
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].sort();
}

function count(number: number | undefined): string {
  return (number ?? 0).toLocaleString("en-US");
}
