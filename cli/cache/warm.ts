/** `sluice cache warm`: puts answers into the cache before anybody asks, under the names that the router looks for. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Command } from "commander";
import { resolvePlan } from "../../libs/shared/budgets/plan.ts";
import { answering } from "../../libs/shared/cache/answering.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { sensitiveKind } from "../../libs/shared/sensitive/sensitive.ts";
import { type CliContext, openContext, registerSchemas } from "../context.ts";
import { createBar } from "../output/bar.ts";
import { EXIT, EXIT_HELP, listenForStop, print, type Stop, say } from "../output/terminal.ts";
import { type Line, readLines } from "../requests/lines.ts";
import { parseDuration } from "../requests/options.ts";
import { readRollouts } from "../rollout/store.ts";
import { readTenants } from "../tenants/store.ts";
import { openCliEmbedder } from "./embedder.ts";
import { rolledOut } from "./rolled-out.ts";
import { FileSurvey, type Survey } from "./survey.ts";
import type { WarmEntry } from "./warm-entry.ts";
import { withWarmSink } from "./warm-sink.ts";

const HOUR_MS = 3_600_000;
const WRITTEN_AT_ONCE = 64;
/** Lines of a kind that are told of one by one. */
const TOLD_MAX = 20;

const EXAMPLES = `
A line is a JSON object: "prompt", "messages" or "body" (an OpenAI request, with its parameters), and "answer" (text) or "response" (an
OpenAI response). Beside a prompt or messages: "system" and "model". A request finds an entry when all but how the answer comes is
equal (parameters, tools, system prompt, tier or model asked for), or by meaning when its last user turn alone is another.

Nothing is written when any line is bad. Lines with personal data or secrets are left out; of lines that ask the same, the first stands.
A second run writes the same entries, so what was interrupted may be run again.

Examples:
  sluice cache warm --tenant demo --file faq.jsonl
  sluice cache warm --tenant demo --file faq.jsonl --ttl 30d --system "You answer for Acme." --namespace faq
  echo '{"prompt": "When do you open?", "answer": "At nine."}' > faq.jsonl && sluice cache warm --tenant demo --file faq.jsonl --tier small
${EXIT_HELP}`;

type Flags = {
  readonly tenant: string;
  readonly file: string;
  readonly ttl?: number;
  readonly tier?: string;
  readonly model?: string;
  readonly system?: string;
  readonly namespace?: string;
  readonly json?: boolean;
};

export const warmCommand = new Command("warm")
  .description("put questions with their answers into the cache")
  .requiredOption("--tenant <name>", "whose requests they answer")
  .requiredOption("--file <file>", "JSONL, a question and its answer a line")
  .option("--ttl <duration>", "how long they may be given; default: cache.ttl_hours of sluice.yaml", parseDuration)
  .option("--tier <tier>", "of requests that ask for this tier; default: of those that leave it to Sluice")
  .option("--model <model>", "of requests that ask for this model, where a line names none")
  .option("--system <text>", "of requests with this system prompt, where a line has none")
  .option("--namespace <name>", "of requests with this metadata.cache_namespace")
  .option("--json", "one JSON object: written, lines, entries, bad, sensitive, duplicates")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const stop = listenForStop();
    try {
      process.exitCode = await warm(flags, stop);
    } finally {
      stop.dispose();
    }
  });

async function warm(flags: Flags, stop: Stop): Promise<number> {
  await checkFile(flags.file);
  const context = await openContext(process.env);
  await registerSchemas(context);
  const survey = await surveyOf(context, flags);
  const lines = (): AsyncIterable<Line> =>
    readLines(createReadStream(flags.file), context.settings.topics.record_bytes_max);
  await look(context, lines(), survey, flags);
  const seen = survey.result;
  if (!flags.json) tell(seen);
  const written = seen.bad.length > 0 ? 0 : await write(context, lines(), survey, flags, stop);
  if (flags.json) await print(`${JSON.stringify({ written, ...seen })}\n`);
  else if (seen.bad.length > 0) say(`${seen.bad.length} of ${seen.lines} lines are bad: nothing was written`);
  else await print(`${written} of ${seen.entries} entries of ${flags.tenant} written\n`);
  if (seen.bad.length > 0) return EXIT.some_failed;
  return written < seen.entries ? EXIT.interrupted : EXIT.ok;
}

async function checkFile(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isFile()) return;
  throw new SluiceError("usage", `the file ${file} cannot be read`, {
    fix: "Name a JSONL file; it is read twice, so a pipe will not do.",
  });
}

/** @throws `usage` for a tenant or tier that is not there. */
async function surveyOf(context: CliContext, flags: Flags): Promise<FileSurvey> {
  const { settings } = context;
  const { tenant, tier, namespace: label, model, system } = flags;
  if (resolvePlan(settings, tenant, (await readTenants(context)).record(tenant)) === undefined) {
    throw new SluiceError("usage", `there is no tenant "${tenant}"`, { fix: "`npx sluice tenants ls` lists them." });
  }
  const asked = { kind: "chat", tier, model } as const;
  if (answering(asked, settings).length === 0) {
    const fix = `Known are ${Object.keys(settings.tiers).join(", ")} and their models.`;
    throw new SluiceError("usage", `there is no tier or model "${tier ?? model}"`, { fix });
  }
  const ttl_ms = flags.ttl ?? settings.cache.ttl_hours * HOUR_MS;
  const sideOf = rolledOut(await readRollouts(context));
  return new FileSurvey({
    context: { settings, tenant, tier, label, ttl_ms, sensitive: sensitiveKind, sideOf },
    defaults: { ...(model === undefined ? {} : { model }), ...(system === undefined ? {} : { system }) },
    now_ms: systemClock.now_ms(),
  });
}

/** The first reading. @throws `usage` for more entries than the routers hold of a tenant. */
async function look(context: CliContext, lines: AsyncIterable<Line>, survey: FileSurvey, flags: Flags): Promise<void> {
  const { tenant_entries_max } = context.settings.cache.semantic;
  const bar = createBar("checking", 1, flags.json !== true);
  try {
    for await (const line of lines) {
      survey.add(line);
      bar.update(line.number, line.number, "lines");
      if (survey.entries <= tenant_entries_max) continue;
      throw new SluiceError("usage", `${flags.file} makes more than ${tenant_entries_max} entries`, {
        fix: "A router holds so many of a tenant: raise cache.semantic.tenant_entries_max, or take a smaller file.",
      });
    }
  } finally {
    bar.stop();
  }
}

/** The second reading. @returns how many were written before the end, or before Ctrl-C. */
async function write(
  context: CliContext,
  lines: AsyncIterable<Line>,
  survey: FileSurvey,
  { json }: Flags,
  { signal }: Stop,
): Promise<number> {
  const { entries: total } = survey.result;
  if (total === 0) return 0;
  const embedder = await openCliEmbedder(context, process.env);
  const bar = createBar("warming", total, json !== true);
  try {
    return await withWarmSink(context, embedder, async (sink) => {
      let written = 0;
      for await (const batch of batchesOf(lines, survey)) {
        if (signal.aborted) break;
        await sink.write(batch);
        written += batch.length;
        bar.update(written, total, "");
      }
      return written;
    });
  } finally {
    bar.stop();
    await embedder?.close();
  }
}

async function* batchesOf(lines: AsyncIterable<Line>, survey: FileSurvey): AsyncGenerator<WarmEntry[]> {
  let batch: WarmEntry[] = [];
  for await (const line of lines) {
    const entry = survey.entryOf(line);
    if (entry !== undefined) batch.push(entry);
    if (batch.length < WRITTEN_AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function tell({ bad, sensitive, duplicates }: Survey): void {
  const told = (all: readonly string[]): void => {
    for (const each of all.slice(0, TOLD_MAX)) say(each);
    if (all.length > TOLD_MAX) say(`and ${all.length - TOLD_MAX} more; --json has them all`);
  };
  told(bad.map(({ line, reason }) => `line ${line}: ${reason}`));
  told(sensitive.map(({ line, what }) => `line ${line}: left out, it holds what is personal or secret (${what})`));
  told(duplicates.map(({ line, first }) => `line ${line}: left out, it asks what line ${first} asks`));
}
