/** Rollouts for people, as text. Pure. */
import { changeText } from "../../libs/shared/rollout/changes.ts";
import { checkText, type Move } from "../../libs/shared/rollout/next-move.ts";
import type { RolloutView, SideView, StageView } from "../../libs/shared/rollout/stage-view.ts";
import { formatMs, formatTable, formatUsd } from "../output/format.ts";

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
