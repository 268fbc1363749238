/** An explanation as people read it. Pure. */
import type { Explanation, Span, Step } from "../../libs/shared/explain/explanation.ts";
import { formatMs, formatTable, formatUsd, oneLine } from "../output/format.ts";

const BAR_CHARS = 30;

const SPANS: Readonly<Record<Span["of"], string>> = {
  topics: "on topics",
  deferred: "for a limit",
  retry: "for a retry",
  ingest: "ingest",
  router: "router",
  inference: "inference",
  turn: "for a call's turn",
  model: "model",
  results: "results",
  other: "other",
};

/** @param width of the terminal, in characters. */
export function explanationText(it: Explanation, width: number): string {
  const sections: [string, string][] = [
    ["Where the time went", timeText(it)],
    ["Way", wayText(it, width)],
    ["Decision", decisionText(it, width)],
    ["Cache", cacheText(it)],
    ["Calls", attemptsText(it)],
    ["Money", moneyText(it)],
    ["Webhooks", deliveriesText(it)],
    ["Dead letters", lettersText(it, width)],
    ["Links", linksText(it)],
    ["Notes", it.notes.join("\n")],
  ];
  const told = sections.filter(([, text]) => text !== "").map(([title, text]) => `\n${title}\n${indented(text)}\n`);
  return `${headText(it)}\n${told.join("")}`;
}

function headText({ id, tenant, status, total_ms, money, error, now, received_ms }: Explanation): string {
  const took = total_ms === undefined ? "" : ` in ${formatMs(total_ms)}`;
  const cost = money.cost_usd === undefined ? "" : `, ${formatUsd(money.cost_usd)}`;
  const came = received_ms === undefined ? "" : `, came ${new Date(received_ms).toISOString()}`;
  const lines = [`${id} of ${tenant}: ${status}${took}${cost}${came}`];
  if (error !== undefined) lines.push(`${error.code}: ${oneLine(error.message, 300)}`);
  if (now !== undefined) {
    const since = now.since_ms === undefined ? "" : ` since ${new Date(now.since_ms).toISOString()}`;
    const until = now.until_ms === undefined ? "" : ` until ${new Date(now.until_ms).toISOString()}`;
    lines.push(`now: ${now.what}${now.topic === undefined ? "" : ` (${now.topic})`}${since}${until}`);
  }
  return lines.join("\n");
}

function timeText({ time }: Explanation): string {
  const total_ms = time.reduce((sum, { ms }) => sum + ms, 0);
  if (total_ms <= 0) return "";
  const rows = time.map(({ of, ms }) => {
    const part = ms / total_ms;
    const bar = "█".repeat(Math.round(part * BAR_CHARS)).padEnd(BAR_CHARS, "░");
    return [SPANS[of], bar, formatMs(ms), `${Math.round(part * 100)} %`];
  });
  // Until the Result was on its topic, which is a little longer than until it was decided.
  return formatTable(["", "", "", ""], [...rows, ["in all", "", formatMs(total_ms), ""]], [2, 3]);
}

function wayText({ steps, steps_left_out, received_ms }: Explanation, width: number): string {
  const start_ms = received_ms ?? steps[0]?.at_ms ?? 0;
  const rows = steps.map((step) => [
    relative(step.at_ms - start_ms),
    step.service,
    oneLine(`${isWithin(step) ? "· " : ""}${step.what}`, Math.max(40, width - 80)),
    placeOf(step),
    step.waited_ms === undefined ? "" : formatMs(step.waited_ms),
    step.worked_ms === undefined ? "" : formatMs(step.worked_ms),
  ]);
  if (rows.length === 0) return "";
  const table = formatTable(["at", "service", "what", "record", "waited", "took"], rows, [0, 4, 5]);
  return steps_left_out === 0 ? table : `${table}\n(${steps_left_out} hops in the middle were not kept)`;
}

/** A call is made within the hop above it. */
function isWithin({ service, topic }: Step): boolean {
  return service === "inference" && topic === undefined;
}

function relative(ms: number): string {
  return ms < 0 ? `-${formatMs(-ms)}` : `+${formatMs(ms)}`;
}

function placeOf({ topic, partition, offset }: Pick<Step, "topic" | "partition" | "offset">): string {
  return topic === undefined ? "" : `${topic} ${partition}@${offset}`;
}

function decisionText({ decision }: Explanation, width: number): string {
  if (decision === undefined) return "";
  const { tier, model, endpoint, reason, by, detail, score, threshold, features, candidates, rollout } = decision;
  const lines = [
    `tier ${tier}, ${model}${endpoint === undefined ? "" : ` at ${endpoint}`}: ${oneLine(reason, Math.max(60, width - 10))}`,
  ];
  if (by !== undefined) lines.push(`decided by ${by}${detail === undefined ? "" : `: ${oneLine(detail, 200)}`}`);
  if (decision.escalated_from !== undefined) lines.push(`escalated from ${decision.escalated_from}`);
  if (score !== undefined)
    lines.push(`score ${score.toFixed(3)}${threshold === undefined ? "" : ` against ${threshold}`}`);
  const others = candidates?.map((one) => `${one.tier}${one.score === undefined ? "" : ` ${one.score.toFixed(3)}`}`);
  if (others !== undefined && others.length > 0) lines.push(`to choose from: ${others.join(", ")}`);
  const looked = Object.entries(features ?? {}).map(([name, value]) => `${name} ${Number(value.toFixed(3))}`);
  if (looked.length > 0) lines.push(`looked at: ${oneLine(looked.join(", "), Math.max(60, width - 14))}`);
  if (rollout !== undefined) lines.push(`rollout ${rollout.name}: ${rollout.side} side, ${rollout.percent} %`);
  if (decision.prompt_version !== undefined) lines.push(`prompt ${decision.prompt_version}`);
  return lines.join("\n");
}

function cacheText({ cache }: Explanation): string {
  if (cache === undefined) return "";
  const { outcome, entry, similarity, threshold, candidates, filled } = cache;
  const hit = entry === undefined ? "" : `, entry ${entry.slice(0, 16)}`;
  const alike = similarity === undefined ? "" : `, similarity ${similarity.toFixed(3)}`;
  const lines = [`${outcome}${hit}${alike}${threshold === undefined ? "" : `, threshold ${threshold.toFixed(3)}`}`];
  if (filled !== undefined) lines.push(`its answer became the entry ${filled.slice(0, 16)}`);
  if (candidates.length > 0) {
    const rows = candidates.map((one) => [
      one.entry.slice(0, 16),
      one.similarity.toFixed(3),
      one.probability?.toFixed(3) ?? "-",
      one.rejected_by ?? (outcome === "semantic" ? "taken" : "-"),
    ]);
    lines.push(formatTable(["candidate", "similarity", "right with", "verdict"], rows, [1, 2]));
  }
  return lines.join("\n");
}

function attemptsText({ attempts, attempts_total, received_ms = 0 }: Explanation): string {
  if (attempts.length === 0) return "";
  const rows = attempts.map((call, at) => [
    String(at + 1),
    relative(call.at_ms - received_ms),
    call.tier,
    call.model,
    call.endpoint ?? "-",
    call.status === undefined ? call.outcome : `${call.outcome} (${call.status})`,
    formatMs(call.waited_ms),
    formatMs(call.duration_ms),
    call.cost_usd === undefined ? "-" : formatUsd(call.cost_usd),
  ]);
  const head = ["", "at", "tier", "model", "endpoint", "outcome", "waited", "took", "cost"];
  const table = formatTable(head, rows, [0, 1, 6, 7, 8]);
  return attempts_total > attempts.length ? `${table}\n(of ${attempts_total})` : table;
}

function moneyText({ money }: Explanation): string {
  const { cost_usd, price_version, estimated, tokens, reserved_usd, settled_usd, unknown_calls, scopes, ledger } =
    money;
  const lines: string[] = [];
  const sums = [
    reserved_usd === undefined ? undefined : `reserved ${formatUsd(reserved_usd)}`,
    settled_usd === undefined ? undefined : `settled ${formatUsd(settled_usd)}`,
    cost_usd === undefined
      ? undefined
      : `cost ${formatUsd(cost_usd)}${price_version ? ` (prices ${price_version})` : ""}`,
  ].filter((one) => one !== undefined);
  if (sums.length > 0) lines.push(sums.join(", "));
  if (tokens !== undefined) {
    const { prompt, cached_prompt, completion } = tokens;
    const guess = estimated ? ", estimated" : "";
    lines.push(`${prompt} tokens in (${cached_prompt} of them cached by the provider), ${completion} out${guess}`);
  }
  if (unknown_calls) lines.push(`${unknown_calls} calls may be billed though nobody knows their answers`);
  if (scopes.length > 0) {
    const rows = scopes.map(({ scope, subject, window, cap_usd, reserved_usd: held, settled_usd: spent }) => [
      oneLine([scope, subject, window].filter((part) => part !== "").join(" "), 80),
      cap_usd === null || cap_usd === undefined ? "no cap" : formatUsd(cap_usd),
      held === undefined ? "-" : formatUsd(held),
      spent === undefined ? "-" : formatUsd(spent),
    ]);
    lines.push(formatTable(["counter, as it is now", "cap", "reserved", "settled"], rows, [1, 2, 3]));
  }
  if (ledger.length > 0) {
    const rows = ledger.map((entry) => [
      entry.kind,
      entry.cause,
      formatUsd(entry.reserved_usd),
      formatUsd(entry.settled_usd),
      placeOf(entry),
    ]);
    lines.push(formatTable(["ledger", "why", "reserved", "settled", "record"], rows, [2, 3]));
  }
  return lines.join("\n");
}

function deliveriesText({ deliveries, received_ms = 0 }: Explanation): string {
  return deliveries
    .map(({ type, url, status, attempts, next_ms }) => {
      const next = next_ms === undefined ? "" : `, next ${relative(next_ms - received_ms)}`;
      const calls = attempts.map(
        (one) =>
          `  ${relative(one.at_ms - received_ms)} ${one.status ?? one.error ?? "no answer"} in ${formatMs(one.duration_ms)}`,
      );
      return [`${type} to ${url}: ${status}${next}`, ...calls].join("\n");
    })
    .join("\n");
}

function lettersText({ dead_letters }: Explanation, width: number): string {
  return dead_letters
    .map((letter) => {
      const done =
        letter.action === undefined ? "waits" : `${letter.action}${letter.target ? ` to ${letter.target}` : ""}`;
      const why = oneLine(`${letter.code} from ${letter.service}: ${letter.message}`, Math.max(60, width - 50));
      return `${placeOf(letter)} ${why} (${done})`;
    })
    .join("\n");
}

function linksText({ links }: Explanation): string {
  const { request, outcome, result, job, corrected_by, replay, original, runs, traceparent } = links;
  const lines: [string, string | undefined][] = [
    ["request", request && placeOf(request)],
    ["outcome", outcome && placeOf(outcome)],
    ["Result", result && placeOf(result)],
    ["job", job],
    ["corrected by", corrected_by],
    ["replay", replay && `${replay.id} (${replay.mode})`],
    ["made from", original],
    ["made from it", runs.length === 0 ? undefined : runs.map(({ id, status }) => `${id} (${status})`).join(", ")],
    ["trace", traceparent && oneLine(traceparent, 100)],
  ];
  const told = lines.flatMap(([name, text]) => (text === undefined ? [] : [[name, text]]));
  return told.length === 0 ? "" : formatTable(["", ""], told);
}

function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n");
}
