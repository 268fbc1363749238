/** From rounds to figures: medians, and what tracing takes of the throughput. Pure. */
import type { Figure, ScenarioReport } from "../support/report.ts";

export type Round = {
  readonly tracing: "on" | "off";
  readonly per_s: number;
  /** Of all processes of the pipeline and its parts. */
  readonly cpu_ms_per_request: number;
  /** Spans as they are sent. */
  readonly exported_bytes_per_request: number;
  readonly failed: number;
};

const OVERHEAD_PERCENT_MAX = 10;

export function reportOf(rounds: readonly Round[]): ScenarioReport {
  const of = (tracing: Round["tracing"], figure: Exclude<keyof Round, "tracing">): number =>
    median(rounds.filter((round) => round.tracing === tracing).map((round) => round[figure]));
  const [on, off] = [of("on", "per_s"), of("off", "per_s")];
  const figures: Figure[] = [
    { name: "throughput, traced", value: on, unit: "req/s", beside: { name: "without traces", value: off } },
    {
      name: "throughput that traces take",
      value: 100 * (1 - on / off),
      unit: "%",
      target: { at_most: OVERHEAD_PERCENT_MAX },
    },
    {
      name: "CPU, traced",
      value: of("on", "cpu_ms_per_request"),
      unit: "ms a request",
      beside: { name: "without traces", value: of("off", "cpu_ms_per_request") },
    },
    { name: "spans sent, traced", value: of("on", "exported_bytes_per_request"), unit: "bytes a request" },
    {
      name: "requests that failed",
      value: rounds.reduce((sum, { failed }) => sum + failed, 0),
      unit: "",
      target: { at_most: 0 },
    },
  ];
  return { scenario: "tracing", figures };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(at)] ?? Number.NaN) + (sorted[Math.ceil(at)] ?? Number.NaN)) / 2;
}
