/** `sluice tail`: shows the records of any topic, decoded and filtered. It joins no service's group and commits nothing. */
import { Command } from "commander";
import { SluiceError } from "../libs/shared/errors.ts";
import { RegistryCodec } from "../libs/shared/events/registry.ts";
import { listTopics } from "../libs/shared/kafka/inspect.ts";
import type { InRecord } from "../libs/shared/kafka/ports.ts";
import { type ReadFrom, TopicReader } from "../libs/shared/kafka/reader.ts";
import { type CliContext, openContext } from "./context.ts";
import { parseDurationMs, parseTimeMs } from "./output/format.ts";
import { matches, type RecordFilter, readValue, recordJson, recordLine } from "./output/record.ts";
import { EXIT, EXIT_HELP, listenForStop, print, type Stop, say } from "./output/terminal.ts";
import { parseCount } from "./requests/options.ts";

type Flags = RecordFilter & {
  readonly from?: string;
  readonly partition?: string;
  readonly count?: number;
  readonly follow: boolean;
  readonly json?: boolean;
  readonly raw?: boolean;
};

const EXAMPLES = `
Topics go by their name with or without the prefix: results, llm.results, jobs.small, requests.batch, dlq.

Examples:
  sluice tail results
  sluice tail results --from 10m --status failed
  sluice tail dlq --no-follow
  sluice tail requests --from beginning --grep refund --count 5
  sluice tail jobs.small --from 2026-01-31T12:00:00Z --no-follow --json | jq .value.route
${EXIT_HELP}`;

export const tailCommand = new Command("tail")
  .description("show the records of a topic, decoded")
  .argument("[topic]", "topic, with or without its prefix", "results")
  .option("--from <where>", "beginning, latest, an offset, a duration back (10m) or an RFC 3339 time")
  .option("--partition <number>", "only this partition")
  .option("--tenant <name>", "only this tenant's records")
  .option("--id <id>", "only records of this request (or with this key)")
  .option("--status <status>", "only results with this status")
  .option("--grep <text>", "only records that hold this text in value, key or headers")
  .option("--count <number>", "stop after this many records", parseCount)
  .option("--follow", "go on until Ctrl-C (the default, from the end)", true)
  .option("--no-follow", "stop at the end of what is there (from the beginning, unless --from says otherwise)")
  .option("--json", "a line of JSON a record: topic, partition, offset, timestamp_ms, key, headers, value")
  .option("--raw", "the value's bytes as they are, and a newline")
  .addHelpText("after", EXAMPLES)
  .action(async (topic: string, flags: Flags) => {
    const stop = listenForStop();
    try {
      await tail(topic, flags, stop);
      process.exitCode = EXIT.ok;
    } finally {
      stop.dispose();
    }
  });

async function tail(name: string, flags: Flags, stop: Stop): Promise<void> {
  const from = parseFrom(flags.from ?? (flags.follow ? "latest" : "beginning"), Date.now());
  const partition = parsePartition(flags.partition);
  const context = await openContext(process.env);
  const topic = resolveTopic(name, context.settings.topics.prefix, await listTopics(context.kafka));
  const ended = Promise.withResolvers<void>();
  const show = printer(context, flags, stop.signal);
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  const reader = new TopicReader(context.kafka, {
    topic,
    from,
    ...(partition === undefined ? {} : { partition }),
    until_end: !flags.follow,
    async records(records) {
      for (const record of records) {
        if (left === 0 || stop.signal.aborted) return;
        if (await show(record)) left -= 1;
        if (left === 0) ended.resolve();
      }
    },
  });
  stop.signal.addEventListener("abort", () => ended.resolve(), { once: true });
  try {
    await reader.start();
    if (flags.follow && process.stderr.isTTY && !flags.json) say(`following ${topic}; Ctrl-C ends it`);
    await Promise.race([reader.done, ended.promise]);
  } finally {
    await reader.stop();
  }
}

/** Prints a record when it is wanted, and says whether it was. */
function printer(context: CliContext, flags: Flags, signal: AbortSignal): (record: InRecord) => Promise<boolean> {
  // Nothing is too large to be looked at.
  const codec = new RegistryCodec({
    ...context.environment.registry,
    record_bytes_max: Number.POSITIVE_INFINITY,
    now_ms: Date.now,
  });
  const newline = Buffer.from("\n");
  const width = process.stdout.isTTY ? process.stdout.columns : 200;
  return async (record) => {
    const value = await readValue(codec, record);
    if (!matches(flags, record, value)) return false;
    if (flags.raw) await print(Buffer.concat([record.value ?? Buffer.alloc(0), newline]), signal);
    else await print(`${flags.json ? recordJson(record, value) : recordLine(record, value, width)}\n`, signal);
    return true;
  };
}

/** Reads `--from`. Pure. @throws `usage`. */
export function parseFrom(text: string, now_ms: number): ReadFrom {
  if (text === "beginning" || text === "latest") return { kind: text };
  if (/^\d{1,15}$/.test(text)) return { kind: "offset", offset: Number(text) };
  const ago_ms = parseDurationMs(text);
  const timestamp_ms = ago_ms === undefined ? parseTimeMs(text) : now_ms - ago_ms;
  if (timestamp_ms !== undefined) return { kind: "time", timestamp_ms };
  throw new SluiceError("usage", `--from ${text} is not a place to begin`, {
    fix: "Write beginning, latest, an offset, a duration back such as 10m, or a time such as 2026-01-31T12:00:00Z.",
  });
}

function parsePartition(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,9}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new SluiceError("usage", `--partition ${text} is not a partition's number`);
}

/** The topic of that name, or of that name under the prefix. Pure. @throws `usage` that lists what there is. */
export function resolveTopic(name: string, prefix: string, topics: readonly string[]): string {
  for (const candidate of [name, `${prefix}${name}`]) if (topics.includes(candidate)) return candidate;
  const known = topics.filter((topic) => topic.startsWith(prefix)).map((topic) => topic.slice(prefix.length));
  throw new SluiceError("usage", `there is no topic ${name}`, {
    fix: known.length === 0 ? "Run `sluice topics` to create them." : `There are ${known.sort().join(", ")}.`,
  });
}
