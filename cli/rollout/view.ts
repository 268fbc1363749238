/** Rollouts for people and scripts. Pure. */
import type { RolloutEvent } from "../../libs/shared/events/control.ts";
import { type BoundSettings, type Check, checkSides } from "../../libs/shared/rollout/bounds.ts";
import { changeText } from "../../libs/shared/rollout/changes.ts";
import { checkText, type Move, type MoveSettings, nextMove } from "../../libs/shared/rollout/next-move.ts";
import type { BothSides, SideStats } from "../../libs/shared/rollout/side-stats.ts";
import { formatMs, formatTable, formatUsd } from "../output/format.ts";

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

function sideView({ results, failed, latencies, costs }: SideStats): SideView {
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

export function rolloutsTable(views: readonly RolloutView[]): string {
  const rows = views.map(({ name, change, status, percent, automatic, stage_ms, why, problem }) => [
    name,
    changeText(change),
    status.replace("_", " "),
    `${percent} %`,
    automatic ? "by itself" : "by hand",
    new Date(stage_ms).toISOString(),
    problem === null ? (why ?? "") : `not followed: ${problem}`,
  ]);
  return formatTable(["name", "change", "state", "new side", "moves", "since", "why"], rows, [3]);
}

export function stageText(view: StageView): string {
  const rows = (["new", "old"] as const).map((side) => sideRow(side, view.sides[side]));
  const head = ["side", "results", "failed", "latency p50", "p95", "mean cost"];
  const checks = view.checks.map((check) => `  ${check.verdict.padEnd(8)} ${checkText(check)}`);
  const none = ["  too few results of a side to compare"];
  return [
    rolloutsTable([view]),
    "",
    formatTable(head, rows, [1, 2, 3, 4, 5]),
    "",
    "checks",
    ...(checks.length === 0 ? none : checks),
    "",
    nextText(view.next),
    "",
  ].join("\n");
}

function sideRow(name: string, side: SideView): string[] {
  const ms = (value: number | null): string => (value === null ? "-" : formatMs(value));
  const cost = side.cost_usd_mean === null ? "-" : formatUsd(side.cost_usd_mean);
  return [name, String(side.results), String(side.failed), ms(side.latency_ms_p50), ms(side.latency_ms_p95), cost];
}

function nextText(next: Move): string {
  if (next.kind === "stay") return `stays: ${next.why}`;
  if (next.kind === "roll_back") return `goes back: ${next.why}`;
  return next.status === "done" ? `is done: ${next.why}` : `goes on to ${next.percent} %: ${next.why}`;
}
