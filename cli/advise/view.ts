/** Advice for people. Pure. */
import type { Evidence, Finding, Gain } from "../../libs/shared/advice/finding.ts";
import type { Advice } from "../../libs/shared/advice/looking.ts";
import type { StageLoad } from "../../libs/shared/advice/observation.ts";
import { formatMs, formatTable, printable } from "../output/format.ts";

/** Beyond, findings are named in one line each. */
const WHOLE_MAX = 3;

export function adviceText({ observation, findings, seconds }: Advice): string {
  const whole = findings.slice(0, WHOLE_MAX);
  const rest = findings.slice(WHOLE_MAX);
  const more = rest.map(({ stage, what, summary }) => `  also ${stage}: ${what}: ${printable(summary)}`);
  return [
    stagesTable(observation.stages),
    `over ${Math.round(seconds)} s; busy: slots in use, and the busiest event loop`,
    "",
    ...whole.map(findingText),
    ...more,
    ...(more.length === 0 ? [] : [""]),
  ].join("\n");
}

function stagesTable(stages: readonly StageLoad[]): string {
  const head = ["stage", "in/s", "done/s", "lag", "growth/s", "oldest", "processes", "slots", "loop", "a record takes"];
  const rows = stages.map((stage) => [
    stage.name,
    rate(stage.arrivals_per_s),
    rate(stage.done_per_s),
    String(stage.lag),
    rate(stage.growth_per_s),
    stage.oldest_age_ms === 0 ? "-" : `${formatMs(stage.oldest_age_ms)}`,
    String(stage.members.length),
    percent(stage.utilisation),
    percent(Math.max(0, ...stage.members.map(({ loop_busy }) => loop_busy))),
    stage.service_ms === 0 ? "-" : formatMs(stage.service_ms),
  ]);
  return formatTable(head, rows, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

function findingText(finding: Finding, at: number): string {
  const { stage, what, severity, score, summary, evidence, change, gain } = finding;
  return [
    `${at + 1}. ${stage}: ${what} (${severity}${severity === "bottleneck" ? `, ${score} of 100` : ""})`,
    `   ${printable(summary)}`,
    ...(evidence.length === 0 ? [] : [`   seen     ${printable(evidence.map(evidenceText).join("; "))}`]),
    `   change   ${printable(change)}`,
    ...(gain === null ? [] : [`   brings   ${gainText(gain)}`]),
    "",
  ].join("\n");
}

function evidenceText({ name, value, unit }: Evidence): string {
  return `${name} ${value}${unit === undefined ? "" : unit.startsWith("/") ? unit : ` ${unit}`}`;
}

function gainText({ what, unit, from, to, how }: Gain): string {
  return `${what}: ${from} → ${to} ${unit} (${how})`;
}

function rate(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(1) : String(Math.round(value));
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
