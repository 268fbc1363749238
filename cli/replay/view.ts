/** How replays read, for people and for scripts. Pure. */
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { usdOf } from "../../libs/shared/money.ts";
import type { Replay, ReplayPreview, ReplaySpec, ReplayTotals } from "../../libs/shared/replay/replay.ts";
import { resultsTopic } from "../../libs/shared/replay/spec.ts";
import { formatMs, formatNusd, formatTable } from "../output/format.ts";
import { whatIfOf, whatIfText } from "./what-if-text.ts";

/** Shapes that scripts rely on: money in US dollars, the rest as it is kept. */
export function replayJson(replay: Replay, names: TopicNames): object {
  const { preview, totals, budget_nusd, spec } = replay;
  return {
    id: replay.id,
    status: replay.status,
    mode: spec.mode,
    topic: resultsTopic(names, replay),
    spec,
    runner: replay.runner,
    by: replay.by,
    preview: preview === undefined ? null : previewJson(preview),
    totals: totalsJson(totals),
    budget_usd: budget_nusd === undefined ? null : usdOf(budget_nusd),
    error: replay.error ?? null,
    wanted: replay.wanted ?? null,
    comparison: replay.comparison ?? null,
    created_ms: replay.created_ms,
    updated_ms: replay.updated_ms,
    ended_ms: replay.ended_ms ?? null,
  };
}

function previewJson({ expected_nusd, most_nusd, recorded_nusd, ...rest }: ReplayPreview): object {
  const money = { expected_usd: expected_nusd, most_usd: most_nusd, recorded_usd: recorded_nusd };
  return { ...rest, ...Object.fromEntries(Object.entries(money).map(([name, nusd]) => [name, usdOf(nusd)])) };
}

function totalsJson({ cost_nusd, ...rest }: ReplayTotals): object {
  return { ...rest, cost_usd: usdOf(cost_nusd) };
}

export function previewText(replay: Replay, names: TopicNames): string {
  return `${formatTable(["", ""], previewRows(replay, names))}\n`;
}

function previewRows({ id, spec, preview }: Replay, names: TopicNames): string[][] {
  const asked = [
    ["replay", id],
    ["does", specLine(spec)],
  ];
  if (preview === undefined) return asked;
  const { read, selected, unreadable, without_record, by_status, by_tier, calls, first_ms, last_ms } = preview;
  const odd = [
    ...(unreadable > 0 ? [`${count(unreadable)} unreadable`] : []),
    ...(without_record > 0 ? [`${count(without_record)} with nothing recorded to use`] : []),
  ];
  const when =
    first_ms === undefined || last_ms === undefined ? [] : [["received", `${time(first_ms)} to ${time(last_ms)} UTC`]];
  return [
    ...asked,
    ["records", [`${count(selected)} selected of ${count(read)} read`, ...odd].join(", ")],
    ...when,
    ["recorded as", counts(by_status)],
    ["by tier", counts(by_tier)],
    ["calls", isSentOn(spec) ? "as the services make them, for requests without a result" : count(calls)],
    ["cost", costText(spec, preview)],
    ["results go to", resultsTopic(names, { id, spec })],
    ["beside them", effects(spec)],
  ];
}

function costText(spec: ReplaySpec, { calls, expected_nusd, most_nusd, recorded_nusd }: ReplayPreview): string {
  const recorded = `recorded: ${formatNusd(recorded_nusd)}`;
  if (isSentOn(spec)) return `what those calls cost, within the tenants' budgets; ${recorded}`;
  if (calls === 0) return `nothing is called; ${recorded}`;
  return `${formatNusd(expected_nusd)} expected, ${formatNusd(most_nusd)} at the most; ${recorded}`;
}

/** A stage before results: its requests go on as any others do. */
function isSentOn({ stage }: ReplaySpec): boolean {
  return stage !== undefined && stage !== "results";
}

/** In words. */
function specLine(spec: ReplaySpec): string {
  const { mode, selection, stage, tier, model, settings } = spec;
  const from = `of ${selection.topic.split(",").join(" and ")}`;
  if (mode === "stage") return `sends the input of ${stage} again, ${from}`;
  const on = settings?.name ?? (tier === undefined ? (model ?? "") : `tier ${tier}`);
  return `${mode}${on === "" ? "" : ` on ${on}`} ${from}`;
}

function effects(spec: ReplaySpec): string {
  if (isSentOn(spec)) return "webhooks, charges and the cache, as with any request that goes on";
  const { webhooks, charge, fill_cache } = spec;
  const named = [
    ...(webhooks === true ? ["webhooks are told"] : []),
    ...(charge === true ? ["tenants are charged"] : []),
    ...(fill_cache === true ? ["the cache is filled"] : []),
  ];
  return named.length === 0 ? "no webhook, no charge, nothing in the cache" : named.join(", ");
}

export function listText(replays: readonly Replay[]): string {
  if (replays.length === 0) return "no replays\n";
  const rows = replays.map(({ id, status, spec, totals, created_ms, runner, preview }) => [
    id,
    time(created_ms),
    spec.mode,
    status,
    totals.of === 0 ? count(preview?.selected ?? 0) : `${count(totals.passed)}/${count(totals.of)}`,
    formatNusd(totals.cost_nusd),
    runner,
  ]);
  return `${formatTable(["id", "made (UTC)", "mode", "status", "records", "cost", "runs in"], rows, [4, 5])}\n`;
}

export function showText(replay: Replay, names: TopicNames): string {
  const { status, runner, by, totals, error, budget_nusd, comparison, ended_ms, created_ms } = replay;
  const rows = [
    ["status", error === undefined ? status : `${status}: ${error.code}: ${error.message}`],
    ["made", `${time(created_ms)} UTC by ${by}, runs in the ${runner === "cli" ? "command line" : "service"}`],
    ...(ended_ms === undefined ? [] : [["ended", `${time(ended_ms)} UTC`]]),
    ["passed", `${count(totals.passed)} of ${count(totals.of)} offsets, ${count(totals.selected)} selected`],
    ["results", fates(totals.by_fate)],
    ["calls", `${count(totals.calls)}, ${formatNusd(totals.cost_nusd)}`],
    ...(budget_nusd === undefined ? [] : [["budget", formatNusd(budget_nusd)]]),
    ...(comparison === undefined ? [] : [["compared", `sluice replay compare ${replay.id}`]]),
  ];
  const what_if = whatIfOf(comparison);
  const table = `${formatTable(["", ""], [...previewRows(replay, names), ...rows])}\n`;
  return what_if === undefined ? table : `${table}\n${whatIfText(what_if)}`;
}

/** What a run came to, in a line. */
export function endLine({ id, spec, status, totals, error }: Replay, names: TopicNames): string {
  const { passed, of, by_fate, calls, cost_nusd } = totals;
  const why = error === undefined ? "" : ` (${error.code}: ${error.message})`;
  const called = calls === 0 ? "" : `, ${count(calls)} calls for ${formatNusd(cost_nusd)}`;
  const far = status === "completed" ? "" : `, ${count(passed)} of ${count(of)} passed`;
  return `replay ${id} ${status}${why}${far}: ${fates(by_fate)}${called}; results on ${resultsTopic(names, { id, spec })}`;
}

/** Beside the bar: how fast, and for how long yet. @param from where it stood, and when. */
export function paceNote(
  { passed, of, cost_nusd, calls }: ReplayTotals,
  from: { readonly passed: number; readonly at_ms: number },
  now_ms: number,
): string {
  const seconds = (now_ms - from.at_ms) / 1_000;
  const per_s = seconds > 0 ? (passed - from.passed) / seconds : 0;
  const spent = calls === 0 ? "" : `, ${formatNusd(cost_nusd)}`;
  if (per_s <= 0) return spent.slice(2);
  return `${Math.round(per_s)}/s, ${formatMs(((of - passed) / per_s) * 1_000)} left${spent}`;
}

/** Where a fate's name does not say it by itself. */
const FATES: Readonly<Record<string, string>> = {
  cached: "from the cache",
  sent: "sent again",
  ended: "left alone, with a result already",
  without_record: "with nothing recorded to use",
};

function fates(by_fate: ReplayTotals["by_fate"]): string {
  return counts(Object.fromEntries(Object.entries(by_fate).map(([fate, number]) => [FATES[fate] ?? fate, number])));
}

function counts(by: Readonly<Record<string, number>>): string {
  const named = Object.entries(by).sort((one, other) => other[1] - one[1]);
  return named.length === 0 ? "none" : named.map(([name, number]) => `${name} ${count(number)}`).join(", ");
}

function count(number: number): string {
  return number.toLocaleString("en-US");
}

function time(at_ms: number): string {
  return new Date(at_ms).toISOString().replace("T", " ").slice(0, 19);
}
