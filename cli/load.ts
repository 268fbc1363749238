/** `sluice load`: asks a running Sluice as a scenario says, records what became of it, and compares recorded runs. */
import { join } from "node:path";
import { Command } from "commander";
import { SluiceError } from "../libs/shared/errors.ts";
import { openContext } from "./context.ts";
import { checkGates, compareRuns } from "./load/compare.ts";
import { comparisonText } from "./load/compare-text.ts";
import { type Estimate, estimateOf } from "./load/estimate.ts";
import { builtIns, readRun, readScenario, runsDir, writeRun } from "./load/files.ts";
import { type GateFlags, gatesOf, parseKey, parsePart, parseSeed, parseSpan, parseWorkers } from "./load/flags.ts";
import { durationOf, piecesOf, scaled } from "./load/phases.ts";
import { checkTargets, type RunRecord, warningsOf } from "./load/record.ts";
import { doorsText, runScenario } from "./load/run.ts";
import type { Scenario } from "./load/scenario.ts";
import { openTarget, type Target, type TargetFlags } from "./load/target.ts";
import { verdictText } from "./load/verdict.ts";
import { verifyRun } from "./load/verify.ts";
import { estimateText, runText } from "./load/view.ts";
import { createBar } from "./output/bar.ts";
import { formatTable } from "./output/format.ts";
import { EXIT, listenForStop, print, say } from "./output/terminal.ts";
import { parseRate } from "./requests/options.ts";

/** A target was missed, or a gate not passed. */
const EXIT_GATE = 5;

const EXIT_CODES = `
Exit codes: 0 all well; 1 something failed; 2 wrong usage; 3 no running Sluice was found; ${EXIT_GATE} a target or gate was missed;
130 stopped before the end.`;

const EXAMPLES = `
A scenario is a YAML file, or the name of one in examples/load: steady, ramp, burst, soak, sessions, faults, mixed. Requests are sent when
they are due, whatever has become of those before, and latency counts from when they were due (docs/load.md). Requests that fail are
part of what is measured: the exit code is 0 unless the scenario has targets and misses one.

Examples:
  sluice load steady
  sluice load faults                                             # 5 minutes at 300 requests/s, with faults
  sluice load ramp --duration 30s --rate 100 --out /tmp/ramp     # the same shape, shorter and lower
  sluice load my.yaml --workers 2 --json
  sluice load verify load-m1abcd                                 # against llm.results
  sluice load --compare load-m1abcd load-m1efgh --max-p95-increase 10%
  sluice load mixed --gateway https://sluice.example.com --key slc_… --yes
${EXIT_CODES}`;

type Flags = TargetFlags &
  GateFlags & {
    readonly compare?: readonly string[];
    readonly onlyWhatMatters?: boolean;
    readonly duration?: number;
    readonly rate?: number;
    readonly seed?: number;
    readonly workers: number;
    readonly out?: string;
    readonly dryRun?: boolean;
    readonly json?: boolean;
  };

export const loadCommand = new Command("load")
  .description("load a running Sluice as a scenario says, and compare recorded runs")
  .enablePositionalOptions()
  .argument("[scenario]", "a YAML file, or the name of a built-in one")
  .option("--duration <span>", "stretch or shrink all phases to last so long together", parseSpan)
  .option("--rate <n/s>", "scale all rates so that the highest is this: 50/s, 600/m", parseRate)
  .option("--seed <n>", "other arrivals, sizes and prompts", parseSeed)
  .option("--workers <n>", "processes that send", parseWorkers, 1)
  .option("--out <dir>", "where record and report go (default: .sluice/load/<run>)")
  .option("--gateway <url>", "the gateway (default: the running one)")
  .option("--key <key>", "API key: slc_… of tenant demo, or tenant=slc_…; may be repeated", parseKey)
  .option("--mock <url>", "the bundled mock model server behind it (default: the running one)")
  .option("--dry-run", "say what would be asked and what it may cost, and send nothing")
  .option("--yes", "load another machine, or a model that costs money")
  .option("--compare <runs...>", "compare two recorded runs, the earlier one first, instead of making one")
  .option("--max-p50-increase <share>", "gate of --compare: latency at p50, such as 10%", parsePart)
  .option("--max-p95-increase <share>", "gate of --compare: latency at p95", parsePart)
  .option("--max-p99-increase <share>", "gate of --compare: latency at p99", parsePart)
  .option("--max-first-token-increase <share>", "gate of --compare: time to first token at p95", parsePart)
  .option("--max-cost-increase <share>", "gate of --compare: cost of a request", parsePart)
  .option(
    "--max-error-increase <points>",
    "gate of --compare: share of errors and time-outs, 1% is one point",
    parsePart,
  )
  .option("--only-what-matters", "let a gate pass where the difference may be chance")
  .option(
    "--json",
    "one JSON object: run, files, counts, errors, figures, targets, notes; of --compare: comparison, gates, passed",
  )
  .addHelpText("after", EXAMPLES)
  .action(async (named: string | undefined, flags: Flags) => {
    if (flags.compare !== undefined) process.exitCode = await compare(named, flags.compare, flags);
    else if (named !== undefined) process.exitCode = await load(named, flags);
    else {
      throw new SluiceError("usage", "which scenario?", {
        fix: `Name a YAML file, or one of ${(await builtIns()).join(", ")}.`,
      });
    }
  });

const verify = new Command("verify")
  .description("compare a run's percentiles with those of its results on llm.results")
  .argument("<run>", "id, folder or file of a recorded run")
  .option("--json", "one JSON object: run, sent, found, missing, agreements, passed")
  .addHelpText("after", EXIT_CODES)
  .action(async (named: string, { json }: { json?: boolean }) => {
    const record = await readRun(named, process.env);
    const context = await openContext(process.env);
    const bar = createBar("results read", record.recorded.counts.topic_sent, json !== true);
    const verdict = await verifyRun(context, record, (read) =>
      bar.update(read, Math.max(read, record.recorded.counts.topic_sent), ""),
    ).finally(() => bar.stop());
    await print(json ? `${JSON.stringify(verdict)}\n` : verdictText(verdict));
    if (!verdict.passed) process.exitCode = EXIT_GATE;
  });

const ls = new Command("ls")
  .description("list the built-in scenarios")
  .option("--json", "a JSON list")
  .action(async ({ json }: { json?: boolean }) => {
    const names = await builtIns();
    const all = await Promise.all(names.map(async (name) => ({ name, ...(await readScenario(name)).scenario })));
    const rows = all.map(({ name, description = "" }) => ({ name, description }));
    await print(
      json
        ? `${JSON.stringify(rows)}\n`
        : `${formatTable(
            ["", ""],
            rows.map((row) => [row.name, row.description]),
          )}\n`,
    );
  });

for (const command of [verify, ls]) loadCommand.addCommand(command);

async function load(named: string, flags: Flags): Promise<number> {
  const file = await readScenario(named);
  const shape = scaled(file.scenario, { duration_ms: flags.duration, rate: flags.rate });
  const scenario: Scenario = flags.seed === undefined ? shape : { ...shape, seed: flags.seed };
  const target = await openTarget(scenario, flags, process.env);
  const estimate = estimateOf(scenario, target.context.settings);
  say(estimateText(estimate, durationOf(piecesOf(scenario.phases)), target.is_mock, doorsText(scenario)));
  if (flags.dryRun) return EXIT.ok;
  agree(target, estimate, flags.yes === true);
  const stop = listenForStop();
  try {
    const { workers } = flags;
    const record = await runScenario({ file, scenario, target, workers, stop, live: !flags.json, env: process.env });
    const files = await writeRun(flags.out ?? join(runsDir(process.env), record.run), record);
    await print(flags.json ? `${JSON.stringify({ ...shown(record), ...files })}\n` : runText(record));
    if (!flags.json) say(`run ${record.run}, recorded in ${files.record_file}; report: ${files.report_file}`);
    if (record.was_stopped) return EXIT.interrupted;
    return checkTargets(record).every(({ met }) => met) ? EXIT.ok : EXIT_GATE;
  } finally {
    stop.dispose();
  }
}

/** A model that may charge is not loaded by a slip. */
function agree({ is_mock }: Target, { cost_usd }: Estimate, agreed: boolean): void {
  if (is_mock || agreed || cost_usd === 0) return;
  throw new SluiceError("usage", "a real model may answer this load, and charge for it", {
    fix: "Add --yes if that is meant; --duration and --rate make it smaller.",
  });
}

function shown(record: RunRecord): object {
  const { run, figures, recorded, scenario, took_ms } = record;
  const { counts, errors } = recorded;
  const notes = warningsOf(record);
  return { run, scenario: scenario.name, took_ms, counts, errors, figures, targets: checkTargets(record), notes };
}

async function compare(named: string | undefined, runs: readonly string[], flags: Flags): Promise<number> {
  const [one, other, ...more] = runs;
  if (one === undefined || other === undefined || more.length > 0 || named !== undefined) {
    throw new SluiceError("usage", "--compare takes two recorded runs, and no scenario", {
      fix: "Write `sluice load --compare BEFORE AFTER`.",
    });
  }
  const [before, after] = await Promise.all([readRun(one, process.env), readRun(other, process.env)]);
  const comparison = compareRuns(before, after);
  const gates = checkGates(comparison, gatesOf(flags), flags.onlyWhatMatters === true);
  const passed = gates.every((gate) => gate.passed);
  await print(flags.json ? `${JSON.stringify({ comparison, gates, passed })}\n` : comparisonText(comparison, gates));
  return passed ? EXIT.ok : EXIT_GATE;
}
