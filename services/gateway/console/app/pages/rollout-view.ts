/** Rollouts as the API gives them. Pure. */
export type Change =
  | { readonly of: "model"; readonly tier: string; readonly model: string }
  | { readonly of: "prompt"; readonly tier: string; readonly prompt: string }
  | { readonly of: "policy"; readonly policy_file: string };

export type Rollout = {
  readonly name: string;
  readonly change: Change;
  readonly status: "running" | "paused" | "done" | "rolled_back";
  readonly percent: number;
  readonly automatic: boolean;
  readonly started_ms: number;
  readonly stage_ms: number;
  readonly by?: string;
  readonly why?: string;
  readonly problem: string | null;
};

export type Side = {
  readonly results: number;
  readonly failed: number;
  readonly latency_ms_p50: number | null;
  readonly latency_ms_p95: number | null;
  readonly cost_usd_mean: number | null;
};
export type Check = {
  readonly of: "failed" | "latency" | "cost";
  readonly verdict: "holds" | "unclear" | "broken";
  readonly new?: number;
  readonly old?: number;
  readonly bound?: number;
};
export type Stage = Rollout & {
  readonly sides: { readonly new: Side; readonly old: Side };
  readonly checks: readonly Check[];
  readonly next: { readonly kind: string; readonly why: string; readonly percent?: number };
  readonly results_of: number;
  readonly series: readonly { readonly at_ms: number; readonly new: Side; readonly old: Side }[];
  readonly stages: readonly number[];
};

export function changeText(change: Change): string {
  if (change.of === "policy") return `policy ${change.policy_file}`;
  return change.of === "model" ? `${change.tier}: ${change.model}` : `${change.tier}: prompt ${change.prompt}`;
}
