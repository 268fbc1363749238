/** `sluice send`: requests onto the topic, from arguments, a file or standard input; with --wait, their results back. */
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { SluiceError } from "../libs/shared/errors.ts";
import type { Result } from "../libs/shared/events/flow.ts";
import { BatchingProducer } from "../libs/shared/kafka/producer.ts";
import { openContext } from "./context.ts";
import { type Bar, createBar } from "./output/bar.ts";
import { formatUsd } from "./output/format.ts";
import { answerText, resultColumns, resultLine } from "./output/result.ts";
import { formatSummary } from "./output/summary.ts";
import { EXIT, EXIT_HELP, listenForStop, print, type Stop, say } from "./output/terminal.ts";
import { type DeliverOptions, deliver } from "./requests/deliver.ts";
import { fromFile, fromPrompts, fromStdin, type Input, type InputOptions } from "./requests/input.ts";
import { defaultsOf, parseCount, parseDuration, parsePair, parseRate, type RequestFlags } from "./requests/options.ts";
import { prepareToWrite, requestRecord } from "./requests/records.ts";
import type { Summary, Tally } from "./requests/summary.ts";
import { watchResults } from "./requests/watch.ts";

type Flags = RequestFlags & {
  readonly file?: string;
  readonly wait?: boolean;
  readonly full?: boolean;
  readonly timeout: number;
  readonly rate?: number;
  readonly strict?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Input is read a line at a time: a whole Request ({"tenant": ..., "body": {...}}), an OpenAI body ({"messages": [...]} or
{"input": ...}), {"prompt": "...", "session": ...}, or plain text, which is the prompt. What a line says stands; the flags
fill in what it leaves open.

Examples:
  sluice send "What is a consumer group?" --wait
  sluice send --file examples/requests.jsonl --wait
  sluice send "Write a haiku" "Write a limerick" --tier large --wait --json | jq -r .response.choices[0].message.content
  cat prompts.txt | sluice send --lane batch --deadline 2h --metadata job=nightly --rate 50/s
  sluice send --file big.jsonl --strict
${EXIT_HELP}`;

export const sendCommand = new Command("send")
  .description("send requests, from arguments, a JSONL file or standard input")
  .argument("[prompt...]", "prompts, one an argument; - reads standard input, as does a pipe without arguments")
  .option("-f, --file <path>", "read requests from a JSONL file (- for standard input)")
  .option("-t, --tenant <name>", "tenant of the requests", "demo")
  .option("--model <name>", "auto, a tier or a model")
  .option("--tier <name>", "tier to use")
  .option("--system <text>", "system message for chats that have none")
  .option("--session <id>", "session: its requests are answered in order")
  .option("--id <id>", "id of a single request (default: cli_ and a UUID)")
  .addOption(new Option("--lane <lane>", "lane of the requests").choices(["interactive", "batch"]))
  .option("--deadline <when>", "duration from now (30s, 2h) or an RFC 3339 time")
  .option("--max-output-tokens <count>", "limit on the answer's length", parseCount)
  .option("--metadata <key=value>", "metadata, may be repeated", parsePair)
  .option("-w, --wait", "print each result as it comes")
  .option("--full", "with --wait: print whole answers")
  .option("--timeout <duration>", "with --wait: how long to wait for a request's result", parseDuration, 300_000)
  .option("--rate <n/s>", "send no faster than this: 50/s, 600/m", parseRate)
  .option("--strict", "send nothing when any line is bad")
  .option("--json", "print results (without --wait: ids) as a line of JSON each, the summary to standard error")
  .addHelpText("after", EXAMPLES)
  .action(async (prompts: string[], flags: Flags) => {
    const stop = listenForStop();
    try {
      process.exitCode = await send(prompts, flags, stop);
    } finally {
      stop.dispose();
    }
  });

async function send(prompts: readonly string[], flags: Flags, stop: Stop): Promise<number> {
  checkUsage(prompts, flags);
  const defaults = defaultsOf(flags, Date.now());
  const context = await openContext(process.env);
  const { signal } = stop;
  const line_bytes_max = context.settings.topics.record_bytes_max;
  const input = await openInput(prompts, flags, { defaults, line_bytes_max, signal });
  const producer = new BatchingProducer(context.kafka, context.settings.producer);
  const watcher = watchResults(context);
  const bar = createBar(
    flags.wait ? "answered" : "sent",
    input.total ?? 0,
    !flags.json && (flags.wait || input.total !== 1),
  );
  try {
    if (flags.strict && !(await allGood(input))) return EXIT.some_failed;
    await Promise.all([producer.connect(), prepareToWrite(context)]);
    const summary = await deliver(input.items(), {
      publish: (records) => producer.publish(records),
      recordOf: (request) => requestRecord(context, request),
      ...(flags.wait ? { watch: watcher.start } : {}),
      timeout_ms: flags.timeout,
      ...(flags.rate === undefined ? {} : { rate: flags.rate }),
      now_ms: Date.now,
      sleep: (duration_ms) => sleep(duration_ms, undefined, { signal }).catch(() => undefined),
      signal,
      on: reporter(flags, bar, input, signal),
    });
    bar.stop();
    if (!stop.reader_gone) tell(summary, flags);
    return codeOf(summary, flags, stop);
  } finally {
    bar.stop();
    await Promise.all([watcher.stop(), producer.close().catch(() => undefined), input.close()]);
  }
}

function checkUsage(prompts: readonly string[], flags: Flags): void {
  const problem = (message: string, fix: string): never => {
    throw new SluiceError("usage", message, { fix });
  };
  const from_stdin = prompts.length === 1 && prompts[0] === "-";
  if (flags.file !== undefined && prompts.length > 0)
    problem("give prompts or --file, not both", "Leave one of them out.");
  if (flags.id !== undefined && (prompts.length > 1 || flags.file !== undefined || from_stdin)) {
    problem("--id names a single request", "Give each line of the file an id of its own.");
  }
  if (flags.file === undefined && prompts.length === 0 && process.stdin.isTTY) {
    problem("there is nothing to send", "Give a prompt, --file or a pipe; `sluice send --help` has examples.");
  }
}

function openInput(prompts: readonly string[], flags: Flags, options: InputOptions): Promise<Input> | Input {
  const strict = flags.strict ?? false;
  const from_stdin = flags.file === "-" || (prompts.length === 1 && prompts[0] === "-");
  if (from_stdin || (flags.file === undefined && prompts.length === 0)) return fromStdin(options, strict);
  if (flags.file !== undefined) return fromFile(flags.file, options, process.stderr.isTTY === true && !flags.json);
  return fromPrompts(prompts, options);
}

async function allGood(input: Input): Promise<boolean> {
  let bad = 0;
  for await (const item of input.items()) {
    if (item.ok) continue;
    bad += 1;
    say(`${item.where}: ${item.reason}`);
  }
  if (bad > 0) say(`nothing was sent: ${bad} bad ${bad === 1 ? "line" : "lines"} (--strict)`);
  return bad === 0;
}

function reporter(flags: Flags, bar: Bar, input: Input, signal: AbortSignal): DeliverOptions["on"] {
  const width = process.stdout.columns ?? 160;
  const out = (line: string): Promise<void> => {
    let written: Promise<void> = Promise.resolve();
    bar.beside(() => {
      written = print(`${line}\n`, signal);
    });
    return written;
  };
  const formatted = (result: Result): string => {
    if (flags.json) return JSON.stringify(result);
    return flags.full ? `${resultColumns(result).trimEnd()}\n${answerText(result)}\n` : resultLine(result, width);
  };
  return {
    bad: (where, reason) => bar.beside(() => say(`${where}: ${reason}`)),
    sent: ({ id, tenant }) => {
      if (!flags.wait) void out(flags.json ? JSON.stringify({ id, tenant }) : id);
    },
    result: (result) => out(formatted(result)),
    late: (id) => bar.beside(() => say(`${id}: no result in time`)),
    progress: (tally) => bar.update(flags.wait ? tally.answered : tally.sent, input.total ?? tally.read, note(tally)),
  };
}

function note({ cost_usd, answered, succeeded, bad }: Tally): string {
  const failed = answered - succeeded;
  return [
    ...(answered > 0 ? [formatUsd(cost_usd)] : []),
    ...(failed > 0 ? [`${failed} not succeeded`] : []),
    ...(bad > 0 ? [`${bad} bad`] : []),
  ].join(", ");
}

function tell(summary: Summary, flags: Flags): void {
  say(flags.json ? JSON.stringify({ summary }) : formatSummary(summary, flags.wait ?? false));
}

function codeOf(summary: Summary, flags: Flags, stop: Stop): number {
  const unanswered = flags.wait && summary.unanswered > 0;
  const failed = Object.entries(summary.by_status).some(([status, count]) => status !== "succeeded" && count > 0);
  if (stop.signal.aborted && !stop.reader_gone) return EXIT.interrupted;
  if (summary.bad > 0 || failed) return EXIT.some_failed;
  return unanswered && !stop.reader_gone ? EXIT.some_failed : EXIT.ok;
}
