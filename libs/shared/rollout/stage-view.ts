/** Rollouts as they are shown: the state, what both sides came to in the present stage, and what comes next. Pure. */
import type { RolloutEvent } from "../events/control.ts";
import { type BoundSettings, type Check, checkSides } from "./bounds.ts";
import { type Move, type MoveSettings, nextMove } from "./next-move.ts";
import type { BothSides, SideStats } from "./side-stats.ts";

export type SideView = {
  readonly results: number;
  readonly failed: number;
  readonly latency_ms_p50: number | null;
  readonly latency_ms_p95: number | null;
  readonly cost_usd_mean: number | null;
};

export type RolloutView = Omit<RolloutEvent, "kind"> & {
  /** Why the routers do not follow it; null where they do. */
  readonly problem: string | null;
};

export type StageView = RolloutView & {
  readonly sides: { readonly new: SideView; readonly old: SideView };
  readonly checks: readonly Check[];
  readonly next: Move;
};

export function rolloutView({ kind: _, ...state }: RolloutEvent, problem: string | undefined): RolloutView {
  return { ...state, problem: problem ?? null };
}

export function stageView(
  state: RolloutEvent,
  problem: string | undefined,
  sides: BothSides,
  settings: MoveSettings & BoundSettings,
  now_ms: number,
): StageView {
  return {
    ...rolloutView(state, problem),
    sides: { new: sideView(sides.new), old: sideView(sides.old) },
    checks: checkSides(sides, settings) ?? [],
    next: nextMove(state, sides, settings, now_ms),
  };
}

export function sideView({ results, failed, latencies, costs }: SideStats): SideView {
  return {
    results,
    failed,
    latency_ms_p50: rounded(latencies.quantile(0.5)),
    latency_ms_p95: rounded(latencies.quantile(0.95)),
    cost_usd_mean: costs.count === 0 ? null : costs.sum / costs.count,
  };
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value);
}
