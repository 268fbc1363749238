/** Whether a run's report agrees with what was found on `llm.results`. Pure. */
import { formatMs, formatTable } from "../output/format.ts";
import type { Percentiles } from "./figures.ts";
import type { RunRecord } from "./record.ts";

/** What stands on the topic of a run's requests. */
export type Found = {
  /** Ids. */
  readonly results: number;
  /** Records under an id that was there already. */
  readonly twice: number;
  /** Of the good ones: completed − received, by the services' clocks. */
  readonly pipeline: Percentiles | undefined;
  /** Of the good ones: from when they were due to the record's own time. */
  readonly published: Percentiles | undefined;
};

export type Agreement = {
  readonly percentile: "p50" | "p95" | "p99" | "max";
  readonly reported_ms: number;
  readonly found_ms: number;
  /** Of the found one, as a part. */
  readonly apart: number;
};

export type Verdict = {
  readonly run: string;
  /** Requests that were sent by the topic. */
  readonly sent: number;
  readonly found: Found;
  /** Sent and without a Result. */
  readonly missing: number;
  readonly agreements: readonly Agreement[];
  readonly client: Percentiles | undefined;
  /** Nothing missing, nothing twice, p50, p95 and p99 at most 2 % apart. */
  readonly passed: boolean;
};

const APART_MAX = 0.02;
/** Times in Results are whole milliseconds. */
const GRAIN_MS = 1;

export function verdictOf(
  { run, recorded, figures }: Pick<RunRecord, "run" | "recorded" | "figures">,
  found: Found,
): Verdict {
  const { topic_sent } = recorded.counts;
  const reported = figures.pipeline;
  const agreements: Agreement[] = [];
  for (const percentile of ["p50", "p95", "p99", "max"] as const) {
    if (reported === undefined || found.pipeline === undefined) break;
    const [reported_ms, found_ms] = [reported[percentile], found.pipeline[percentile]];
    agreements.push({
      percentile,
      reported_ms,
      found_ms,
      apart: Math.abs(reported_ms - found_ms) / Math.max(GRAIN_MS, found_ms),
    });
  }
  const missing = Math.max(0, topic_sent - found.results);
  const close = agreements.filter(({ percentile }) => percentile !== "max").every(({ apart }) => apart <= APART_MAX);
  const passed = agreements.length > 0 && close && missing === 0 && found.twice === 0;
  return { run, sent: topic_sent, found, missing, agreements, client: figures.latency, passed };
}

export function verdictText({ run, sent, found, missing, agreements, client, passed }: Verdict): string {
  const rows = agreements.map(({ percentile, reported_ms, found_ms, apart }) => [
    percentile,
    formatMs(reported_ms),
    formatMs(found_ms),
    `${(100 * apart).toFixed(2)} %`,
    found.published === undefined ? "–" : formatMs(found.published[percentile]),
    client === undefined ? "–" : formatMs(client[percentile]),
  ]);
  const head = ["", "pipeline, reported", "pipeline, on the topic", "apart", "due to written", "client, all doors"];
  return [
    `${run}: ${sent} requests sent by the topic, ${found.results} results, ${missing} missing, ${found.twice} twice`,
    formatTable(head, rows, [1, 2, 3, 4, 5]),
    passed ? "agrees: nothing missing, nothing twice, percentiles at most 2 % apart" : "does not agree",
    "",
  ].join("\n");
}
