/** How dead letters read for people. Pure. */
import type { FoundLetter } from "../../libs/shared/dead-letters/dead-letters.ts";
import type { ReasonGroup } from "../../libs/shared/dead-letters/groups.ts";
import { stateOf } from "../../libs/shared/dead-letters/letter.ts";
import type { RedrivePlan } from "../../libs/shared/dead-letters/plan.ts";
import type { RedriveSummary } from "../../libs/shared/dead-letters/redriving.ts";
import { formatTable, oneLine } from "../output/format.ts";
import type { ReadValue } from "../output/record.ts";

const MESSAGE_WIDTH = 60;
const PROMPT_CHARACTERS = 200;
const LEFT_SHOWN = 5;

function time(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(0, 19).replace("T", " ");
}

/** A line a reason. */
export function groupsTable(groups: readonly ReasonGroup[]): string {
  const rows = groups.map(({ code, service, topic, waiting, redriven, dropped, first_ms, last_ms, sample }) => [
    code,
    service,
    topic,
    String(waiting),
    String(redriven),
    String(dropped),
    time(first_ms),
    time(last_ms),
    sample.place,
    oneLine(sample.message, MESSAGE_WIDTH),
  ]);
  const times = ["first (UTC)", "last (UTC)"];
  const head = ["reason", "service", "stood on", "waiting", "redriven", "dropped", ...times, "latest", "its message"];
  return formatTable(head, rows, [3, 4, 5]);
}

/** What a redrive of it would do, in words. */
export function planLine(plan: RedrivePlan): string {
  if (plan.kind === "back") return `sends the record to ${plan.target}: it goes on where it stopped`;
  if (plan.kind === "run") return `runs ${plan.of} once more, as ${plan.id}, by way of ${plan.target}`;
  return `nothing: ${plan.message}`;
}

/** One dead letter, its value shortened unless all of it is asked for. */
export function letterLines(found: FoundLetter, value: ReadValue, full: boolean): string[] {
  const { letter, handled, whose, ended, plan } = found;
  const { original, record } = letter;
  const from = original && `${original.topic} ${original.partition}:${original.offset}, ${time(original.timestamp_ms)}`;
  const state = stateOf(handled);
  const by = handled && ` ${time(handled.at_ms)} by ${handled.by}${handled.why ? `: ${handled.why}` : ""}`;
  const went = handled?.target === undefined ? "" : ` → ${handled.target} (${handled.replay})`;
  return [
    `dead letter ${letter.place}, ${time(letter.at_ms)} UTC`,
    `  reason     ${letter.code}: ${letter.message}`,
    `  service    ${letter.service}`,
    `  stood on   ${from ?? "unknown"}`,
    `  request    ${whose === undefined ? "cannot be read" : `${whose.id} of tenant ${whose.tenant}: ${ended ?? "no Result"}`}`,
    `  redriven   ${letter.redrives === 1 ? "once" : `${letter.redrives} times`} before`,
    `  state      ${state}${by ?? ""}${went}`,
    `  a redrive  ${handled === undefined ? planLine(plan) : "nothing: each dead letter is dealt with once"}`,
    "  headers",
    ...Object.entries(record.headers).map(([name, text]) => `    ${name}: ${full ? text : oneLine(text, 160)}`),
    "  value",
    ...valueText(value, full)
      .split("\n")
      .map((line) => `    ${line}`),
  ];
}

/** What may be a secret, or a person's own words, is shortened. */
export function valueText(value: ReadValue, full: boolean): string {
  if (value.kind === "none") return "none";
  if (value.kind === "text") return full ? value.text : `${oneLine(value.text, PROMPT_CHARACTERS)} (${value.problem})`;
  return JSON.stringify(full ? value.json : shortened(value.json), undefined, 2);
}

const SECRET = /(authorization|api[_-]?key|secret|password|token)$/i;

export function shortened(json: unknown): unknown {
  if (typeof json === "string") {
    return json.length <= PROMPT_CHARACTERS ? json : `${json.slice(0, PROMPT_CHARACTERS)}… (${json.length} characters)`;
  }
  if (Array.isArray(json)) return json.map(shortened);
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([name, value]) => [
      name,
      SECRET.test(name) && typeof value === "string" ? "(hidden; --full shows it)" : shortened(value),
    ]),
  );
}

/** What became of those selected. */
export function summaryLines(summary: RedriveSummary): string[] {
  const { selected, sent_back, run, looped, already_ended, impossible, handled_before, by_target, left } = summary;
  const would = summary.dry_run ? "would be " : "";
  const parts: [number, string][] = [
    [sent_back, `${would}sent back`],
    [run, `${would}run once more`],
    [already_ended, "left: their requests have ended"],
    [looped, "left: they came back too often"],
    [impossible, "left: they cannot be sent"],
    [handled_before, "dealt with before"],
  ];
  if (selected === 0) return ["no dead letter fits"];
  // What many are left for is said once, with a place to look at.
  const reasons = left.filter(
    (one, at) => at === left.findIndex(({ code, message }) => code === one.code && message === one.message),
  );
  const said = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return [
    `${selected} selected${said.length === 0 ? "" : `: ${said.join(", ")}`}`,
    ...Object.entries(by_target).map(([target, count]) => `  ${count} to ${target}`),
    ...reasons.slice(0, LEFT_SHOWN).map(({ place, code, message }) => `  ${code}, such as ${place}: ${message}`),
  ];
}
