/** How replays read, for people and for scripts. Pure. */
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { usdOf } from "../../libs/shared/money.ts";
import type { Replay, ReplayPreview, ReplaySpec, ReplayTotals } from "../../libs/shared/replay/replay.ts";
import { formatMs, formatNusd, formatTable } from "../output/format.ts";

/** Shapes that scripts rely on: money in US dollars, the rest as it is kept. */
export function replayJson(replay: Replay, names: TopicNames): object {
  const { preview, totals, budget_nusd, spec } = replay;
  return {
    id: replay.id,
    status: replay.status,
    mode: spec.mode,
    topic: names.replay(replay.id),
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

export function previewText({ id, spec, preview }: Replay, names: TopicNames): string {
  if (preview === undefined) return `replay ${id}: ${specLine(spec)}\n`;
  const { read, selected, unreadable, without_record, by_status, by_tier, calls, first_ms, last_ms } = preview;
  const odd = [
    ...(unreadable > 0 ? [`${count(unreadable)} unreadable`] : []),
    ...(without_record > 0 ? [`${count(without_record)} with nothing recorded to use`] : []),
  ];
  const { expected_nusd, most_nusd, recorded_nusd } = preview;
  const cost =
    calls === 0
      ? `nothing is called; recorded: ${formatNusd(recorded_nusd)}`
      : `${formatNusd(expected_nusd)} expected, ${formatNusd(most_nusd)} at the most; recorded: ${formatNusd(recorded_nusd)}`;
  const when =
    first_ms === undefined || last_ms === undefined ? [] : [["received", `${time(first_ms)} to ${time(last_ms)}`]];
  const rows = [
    ["replay", id],
    ["does", specLine(spec)],
    ["records", [`${count(selected)} selected of ${count(read)} read`, ...odd].join(", ")],
    ...when,
    ["status", counts(by_status)],
    ["tier", counts(by_tier)],
    ["calls", count(calls)],
    ["cost", cost],
    ["results go to", placeOf({ id, spec }, names)],
    ["beside them", effects(spec)],
  ];
  return `${formatTable(["", ""], rows)}\n`;
}

/** In words. */
function specLine(spec: ReplaySpec): string {
  const { mode, selection, stage, tier, model, settings } = spec;
  const from = `of ${selection.topic.split(",").join(" and ")}`;
  if (mode === "stage") return `sends the input of ${stage} again, ${from}`;
  const on = settings?.name ?? (tier === undefined ? (model ?? "") : `tier ${tier}`);
  return `${mode}${on === "" ? "" : ` on ${on}`} ${from}`;
}

function effects({ webhooks, charge, fill_cache }: ReplaySpec): string {
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
  return `${formatTable(["id", "made", "mode", "status", "records", "cost", "runs in"], rows, [4, 5])}\n`;
}

export function showText(replay: Replay, names: TopicNames): string {
  const { status, runner, by, totals, error, budget_nusd, comparison, ended_ms, created_ms } = replay;
  const rows = [
    ["status", error === undefined ? status : `${status}: ${error.code}: ${error.message}`],
    ["made", `${time(created_ms)} by ${by}, runs in the ${runner === "cli" ? "command line" : "service"}`],
    ...(ended_ms === undefined ? [] : [["ended", time(ended_ms)]]),
    ["passed", `${count(totals.passed)} of ${count(totals.of)} offsets, ${count(totals.selected)} selected`],
    ["results", counts(totals.by_fate)],
    ["calls", `${count(totals.calls)}, ${formatNusd(totals.cost_nusd)}`],
    ...(budget_nusd === undefined ? [] : [["budget", formatNusd(budget_nusd)]]),
    ...(comparison === undefined ? [] : [["compared", `sluice replay compare ${replay.id}`]]),
  ];
  return `${previewText(replay, names)}${formatTable(["", ""], rows)}\n`;
}

/** What a run came to, in a line. */
export function endLine({ id, spec, status, totals, error }: Replay, names: TopicNames): string {
  const { passed, of, by_fate, calls, cost_nusd } = totals;
  const why = error === undefined ? "" : ` (${error.code}: ${error.message})`;
  const called = calls === 0 ? "" : `, ${count(calls)} calls for ${formatNusd(cost_nusd)}`;
  const far = status === "completed" ? "" : `, ${count(passed)} of ${count(of)} passed`;
  return `replay ${id} ${status}${why}${far}: ${counts(by_fate)}${called}; results on ${placeOf({ id, spec }, names)}`;
}

/** Requests that a stage sends on have no Result yet: theirs are first ones. */
function placeOf({ id, spec: { stage } }: Pick<Replay, "id" | "spec">, names: TopicNames): string {
  return stage === undefined || stage === "results" ? names.replay(id) : names.results;
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
