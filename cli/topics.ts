/** `sluice topics`: creates the topics that are missing, says what is there, what differs, and who is behind. */
import { Command } from "commander";
import { systemClock } from "../libs/shared/clock.ts";
import { inspectTopics, listTopics, type TopicReport } from "../libs/shared/kafka/inspect.ts";
import { ensureTopics, planTopics } from "../libs/shared/kafka/topology.ts";
import { untilAvailable } from "../libs/shared/retry.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { orGiveUp } from "./give-up.ts";
import { formatRetention, formatTable } from "./output/format.ts";
import { EXIT_HELP, listenForStop, print, say } from "./output/terminal.ts";

const SETTLE_MS = 10_000;

type Flags = { readonly dryRun?: boolean; readonly json?: boolean };

const EXAMPLES = `
Partitions, retention, compaction, lane twins and retry tiers come from sluice.yaml. Nothing that exists is changed: where it
differs, the difference is said.

Examples:
  sluice topics
  sluice topics --dry-run
  sluice topics --json | jq '.topics[] | {topic, lag: [.groups[].lag] | add}'
${EXIT_HELP}`;

export const topicsCommand = new Command("topics")
  .description("create the topics that are missing and show all, with the lag of every group")
  .option("--dry-run", "create nothing; say what would be created")
  .option("--json", "one JSON object: created, and topics with partitions, records, groups and differences")
  .addHelpText("after", EXAMPLES)
  .action(async (flags: Flags) => {
    const stop = listenForStop();
    const context = await openContext(process.env);
    // A topic that was made a moment ago may have no leader yet, which passes.
    const until_ms = systemClock.now_ms() + SETTLE_MS;
    const retry = {
      clock: systemClock,
      random: Math.random,
      log: context.log,
      policy: { base_ms: 100, cap_ms: 1_000 },
    };
    const settled: Settled = (work) =>
      untilAvailable(
        retry,
        "topics",
        () => orGiveUp(work()),
        () => stop.signal.aborted || systemClock.now_ms() > until_ms,
      );
    const created = flags.dryRun ? [] : await create(context, settled);
    const reports = await settled(() =>
      inspectTopics(context.kafka, {
        plans: planTopics(context.settings),
        topic_prefix: context.settings.topics.prefix,
        group_prefix: context.settings.consumption.group_prefix,
      }),
    );
    const missing = reports.filter(({ exists }) => !exists).map(({ topic }) => topic);
    if (flags.json) await print(`${JSON.stringify({ created, missing, topics: reports })}\n`);
    else await show(reports, created, missing);
    stop.dispose();
  });

type Settled = <T>(work: () => Promise<T>) => Promise<T>;

/** @returns what was not there before, however many tries it took. */
async function create(context: CliContext, settled: Settled): Promise<string[]> {
  const before = new Set(await settled(() => listTopics(context.kafka)));
  const states = await settled(() => ensureTopics(context.kafka, context.settings));
  await settled(() => registerSchemas(context));
  return states.map(({ topic }) => topic).filter((topic) => !before.has(topic));
}

async function show(
  reports: readonly TopicReport[],
  created: readonly string[],
  missing: readonly string[],
): Promise<void> {
  await print(`${topicsTable(reports)}\n`);
  if (created.length > 0) say(`created ${created.join(", ")}`);
  if (missing.length > 0) say(`would create ${missing.join(", ")}`);
  for (const line of notes(reports)) say(line);
}

/** The table for people. Pure. */
export function topicsTable(reports: readonly TopicReport[]): string {
  const rows = reports.map((report) => {
    const { topic, exists, partitions, records, groups } = report;
    const lag = groups.map(({ group, lag }) => `${group} ${lag}`).join(", ");
    return [topic, String(partitions), keeps(report), exists ? String(records) : "missing", lag || "-"];
  });
  return formatTable(["topic", "partitions", "keeps", "records", "lag by group"], rows, [1, 3]);
}

/** What is other than the settings ask for, a line each. Pure. */
export function notes(reports: readonly TopicReport[]): string[] {
  return reports.flatMap(({ topic, planned, differences }) => [
    ...differences.map(
      ({ setting, wanted, actual }) => `${topic}: ${setting} is ${actual}, sluice.yaml asks for ${wanted}; not changed`,
    ),
    ...(planned ? [] : [`${topic}: no setting asks for this topic; not changed`]),
  ]);
}

function keeps({ config }: TopicReport): string {
  if (config["cleanup.policy"] === "compact") return "compact";
  const retention_ms = config["retention.ms"];
  return retention_ms === undefined ? "default" : formatRetention(Number(retention_ms));
}
