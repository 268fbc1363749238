/** Rollouts and results for tests. */
import type { RolloutEvent } from "../../../../libs/shared/events/control.ts";
import type { ResultHead } from "../../../../libs/shared/events/flow.ts";

export const MINUTE_MS = 60_000;
export const START_MS = 10_000_000;

export function stateOf(more: Partial<RolloutEvent> = {}): RolloutEvent {
  return {
    kind: "rollout",
    name: "cheaper",
    change: { of: "model", tier: "small", model: "b" },
    status: "running",
    percent: 10,
    automatic: true,
    started_ms: START_MS,
    stage_ms: START_MS,
    at_ms: START_MS,
    ...more,
  };
}

export type ResultMore = {
  readonly side?: "new" | "old";
  readonly name?: string;
  readonly percent?: number;
  readonly status?: ResultHead["status"];
  readonly cache?: "miss" | "exact";
  readonly routed?: number;
  readonly latency_ms?: number;
  readonly cost_usd?: number;
};

export function resultOf(more: ResultMore = {}): ResultHead {
  const { side = "new", name = "cheaper", percent = 10, status = "succeeded", cache = "miss" } = more;
  const { routed = START_MS + 1, latency_ms = 100, cost_usd = 0.001 } = more;
  return {
    id: "r",
    tenant: "demo",
    status,
    route: {
      tier: "small",
      model: "b",
      reason: "",
      cache,
      attempts: 1,
      decision: { by: "default", rollout: { name, side, percent } },
    },
    usage: {
      prompt_tokens: 1,
      cached_prompt_tokens: 0,
      completion_tokens: 1,
      cost_usd,
      price_version: "1",
      estimated: false,
    },
    timing: { routed, dispatched: routed + 5, completed: routed + 5 + latency_ms },
  };
}
