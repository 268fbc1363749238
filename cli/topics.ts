/** `sluice topics`: creates the topics that are missing, says what is there, what differs, and who is behind. */
import { Command } from "commander";
import { inspectTopics, type TopicReport } from "../libs/shared/kafka/inspect.ts";
import { ensureTopics, planTopics } from "../libs/shared/kafka/topology.ts";
import { type CliContext, openContext, registerSchemas } from "./context.ts";
import { formatRetention, formatTable } from "./output/format.ts";
import { EXIT_HELP, listenForStop, print, say } from "./output/terminal.ts";

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
    const created = flags.dryRun ? [] : await create(context);
    const reports = await inspectTopics(context.kafka, {
      plans: planTopics(context.settings),
      topic_prefix: context.settings.topics.prefix,
      group_prefix: context.settings.consumption.group_prefix,
    });
    const missing = reports.filter(({ exists }) => !exists).map(({ topic }) => topic);
    if (flags.json) await print(`${JSON.stringify({ created, missing, topics: reports })}\n`);
    else await show(reports, created, missing);
    stop.dispose();
  });

async function create(context: CliContext): Promise<string[]> {
  const states = await ensureTopics(context.kafka, context.settings);
  await registerSchemas(context);
  return states.flatMap(({ topic, created }) => (created ? [topic] : []));
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
