/**
 * Does advice name what is wrong? Ten pipelines with one thing wrong each, on real parts under load, one after another; and what
 * `sluice advise` names first. `npm run bench:advise -- [scenario] [--json]`.
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Argument, Command } from "commander";
import { formatTable } from "../../cli/output/format.ts";
import { listenForInterrupts } from "../../tools/stack/interrupts.ts";
import { embeddingModelDir, MODEL_DIR_VARIABLE } from "../../tools/stack/model.ts";
import { startParts } from "../../tools/stack/parts.ts";
import { consoleProgress } from "../../tools/stack/progress.ts";
import { type AdviceScenario, type Outcome, runScenario } from "./scenario.ts";
import { providerLimit, slowEndpoint, smallBatches, undersizedPool } from "./scenarios/calls.ts";
import { coldCache, cpuBoundRouter, slowRedis } from "./scenarios/parts.ts";
import { skewedKey, stalledConsumer, tooFewPartitions } from "./scenarios/sharing.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const SCENARIOS: readonly AdviceScenario[] = [
  slowEndpoint,
  providerLimit,
  tooFewPartitions,
  skewedKey,
  cpuBoundRouter,
  smallBatches,
  coldCache,
  slowRedis,
  stalledConsumer,
  undersizedPool,
];
/** Of ten. */
const RIGHT_MIN = 0.9;
const INTERRUPTED_CODE = 130;

const help = SCENARIOS.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join("\n");
const command = new Command("npm run bench:advise --")
  .description("what sluice advise names first, in pipelines that have one thing wrong each")
  .addArgument(new Argument("[scenario]", "one of them; default: all").choices(SCENARIOS.map(({ name }) => name)))
  .option("--json", "the outcomes as JSON, with the stages as they were seen")
  .addHelpText("after", `\nScenarios:\n${help}\n\nExit code 0 when nine of ten (of one: it) are named right.`)
  .parse();
const wanted = command.args[0];
const chosen = SCENARIOS.filter(({ name }) => wanted === undefined || name === wanted);
const { json = false } = command.opts<{ json?: boolean }>();

const interrupts = listenForInterrupts(() => process.exit(INTERRUPTED_CODE));
const progress = consoleProgress(process.stderr);
const parts = await startParts({
  root: ROOT,
  dir: join(ROOT, ".sluice", "bench-advise"),
  env: process.env,
  progress,
  signal: interrupts.signal,
  ephemeral_ports: true,
  fresh: true,
});
const outcomes: Outcome[] = [];
try {
  const say = (line: string): void => console.error(line);
  const model = await embeddingModelDir({ root: ROOT, env: process.env, say, signal: interrupts.signal });
  if (model !== undefined) process.env[MODEL_DIR_VARIABLE] = model;
  progress.close();
  for (const scenario of chosen) {
    if (interrupts.signal.aborted) break;
    console.error(`${scenario.name}: ${scenario.what}`);
    const outcome = await runScenario(scenario, parts.env, interrupts.signal).catch((error: unknown): Outcome => {
      console.error(error);
      const expected = `${scenario.expected.stage} ${scenario.expected.what}`;
      return { scenario: scenario.name, expected, named: [], right: false, first: undefined, exit_code: 1, stages: [] };
    });
    outcomes.push(outcome);
    console.error(`  ${outcome.right ? "right" : "wrong"}: ${outcome.first?.summary ?? "nothing was said"}`);
  }
} finally {
  await parts.stop();
}
if (json) console.log(JSON.stringify(outcomes, null, 2));
else console.log(table(outcomes));
const right = outcomes.filter((one) => one.right).length;
process.exit(interrupts.signal.aborted ? INTERRUPTED_CODE : right >= chosen.length * RIGHT_MIN ? 0 : 1);

function table(all: readonly Outcome[]): string {
  const rows = all.map(({ scenario, expected, named, right: is_right, first }) => [
    scenario,
    expected,
    named[0] ?? "-",
    is_right ? "right" : "wrong",
    first?.gain == null ? "-" : `${first.gain.from} → ${first.gain.to} ${first.gain.unit}`,
    named.slice(1).join(", ") || "-",
  ]);
  const count = `${all.filter((one) => one.right).length} of ${all.length} right`;
  return `${formatTable(["scenario", "expected", "named first", "", "brings", "also named"], rows)}\n\n${count}`;
}
