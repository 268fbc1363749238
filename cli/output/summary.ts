/** How the end of a job reads for people. Pure. */
import type { Summary } from "../requests/summary.ts";
import { formatMs, formatUsd } from "./format.ts";

/** Two lines at the most: what became of the requests, then what they used. */
export function formatSummary(summary: Summary, waited: boolean): string {
  const { sent, bad, unanswered, repeated_ids, by_status } = summary;
  const parts = [
    `sent ${sent}`,
    ...Object.entries(by_status).map(([status, count]) => `${status} ${count}`),
    ...(unanswered > 0 ? [`unanswered ${unanswered}`] : []),
    ...(repeated_ids > 0 ? [`repeated ids ${repeated_ids}`] : []),
    ...(bad > 0 ? [`bad ${bad}`] : []),
  ];
  const rate = `${summary.requests_per_second} req/s over ${formatMs(summary.elapsed_ms)}`;
  if (!waited) return `${parts.join(", ")}; ${rate}`;
  const { prompt_tokens, completion_tokens, cost_usd, p50_ms, p95_ms } = summary;
  const latency = p50_ms === null || p95_ms === null ? "" : `, p50 ${formatMs(p50_ms)}, p95 ${formatMs(p95_ms)}`;
  const used = `${prompt_tokens} + ${completion_tokens} tokens, ${formatUsd(cost_usd)}${latency}, ${rate}`;
  return `${parts.join(", ")}\n${used}`;
}
