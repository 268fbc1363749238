/** What a comparison must hold for a change of settings to pass, as a CI job asks. Pure. */
import type { ComparisonSummary } from "./summary.ts";

/** Left out: not asked for. */
export type Gates = {
  /** Replayed over original cost, at most. */
  readonly cost_ratio_max?: number;
  /** Of the answers given both times, the part that is the same, at least. */
  readonly same_ratio_min?: number;
  /** The 95th percentile of the distance between answers, at most. */
  readonly distance_p95_max?: number;
  /** Replayed over original latency at the 95th percentile, at most. */
  readonly latency_ratio_max?: number;
  /** Requests answered then and not now, at most. */
  readonly lost_max?: number;
};

export type GateResult = {
  readonly gate: keyof Gates;
  readonly limit: number;
  /** Undefined where there was nothing to measure: then the gate is not passed. */
  readonly value?: number;
  readonly passed: boolean;
};

/** One for each gate that is asked for, in the order of `Gates`. */
export function checkGates(summary: ComparisonSummary, gates: Gates): readonly GateResult[] {
  const { cost_ratio, same_ratio, distance, latency_p95_ratio, answers, original, replayed } = summary;
  const free = summary.compared > 0 && original.cost_nusd === 0 && replayed.cost_nusd === 0;
  const both = answers.same_text + answers.same_json + answers.different;
  const measured: readonly [keyof Gates, number | undefined, "max" | "min"][] = [
    ["cost_ratio_max", cost_ratio ?? (free ? 1 : undefined), "max"],
    ["same_ratio_min", both === 0 ? undefined : same_ratio, "min"],
    ["distance_p95_max", distance.known === 0 ? undefined : distance.p95, "max"],
    ["latency_ratio_max", latency_p95_ratio, "max"],
    ["lost_max", summary.compared === 0 ? undefined : answers.gone, "max"],
  ];
  return measured.flatMap(([gate, value, side]) => {
    const limit = gates[gate];
    if (limit === undefined) return [];
    const passed = value !== undefined && (side === "max" ? value <= limit : value >= limit);
    return [{ gate, limit, ...(value === undefined ? {} : { value }), passed }];
  });
}
