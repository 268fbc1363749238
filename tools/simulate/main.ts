/** `npm run simulate`: runs seeds until one breaks an invariant, and says how to repeat it. Exits 1 when one did, 2 on bad usage. */
import { SingleBar } from "cli-progress";
import { Command, InvalidArgumentError, Option } from "commander";
import { flowScenario } from "./flow.ts";
import { repeatCommand, summaryText, Tally, violationText } from "./report.ts";
import { scalingCommand } from "./scaling/command.ts";
import { PLANTS, type Plant } from "./scenario.ts";
import { type RunReport, runSeed } from "./world.ts";

type Options = {
  readonly seeds: number;
  readonly first: number;
  readonly seed?: number;
  readonly plant?: Plant;
  readonly json?: true;
  readonly verbose?: true;
};

const EXAMPLES = `
Examples:
  npm run simulate -- --seeds 1000                      a thousand runs, about a minute
  npm run simulate -- --seed 42 --verbose               one run, with all that happened in it
  npm run simulate -- --seeds 1000 --plant early-commit a bug on purpose: it must be found (I2)
  npm run simulate -- --plant check-then-increment      another: budgets are overspent (I4)
  npm run simulate -- --plant cache-across-tenants      another: a tenant has another's answer (I5)
  npm run simulate -- --seeds 100 --json                for scripts
  npm run simulate -- scaling --help                    another simulation: how workers are scaled`;

const TRAIL_LINES_MAX = 60;

const program = new Command("simulate")
  // `scaling --seeds 8` is that command's.
  .enablePositionalOptions()
  .description("Runs the whole flow on an in-memory log with virtual time and faults, each run from one seed.")
  .option("--seeds <count>", "how many seeds to run", wholeNumber, 1_000)
  .option("--first <seed>", "the first of them", wholeNumber, 1)
  .option("--seed <seed>", "run this one seed only", wholeNumber)
  .addOption(new Option("--plant <bug>", "a bug to plant, which must be found").choices(PLANTS))
  .option("--json", "print one JSON object")
  .option("--verbose", "print everything that happened in the run that broke, or in the one seed")
  .addHelpText("after", EXAMPLES)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program.addCommand(scalingCommand()).action(async (options: Options) => {
  process.exitCode = await main(options);
});
await program.parseAsync();

async function main(options: Options): Promise<number> {
  const first = options.seed ?? options.first;
  const count = options.seed === undefined ? options.seeds : 1;
  const bar = process.stdout.isTTY && !options.json && count > 1 ? progressBar(count) : undefined;
  const tally = new Tally();
  const started_ms = performance.now();
  let last: RunReport | undefined;
  for (let seed = first; seed < first + count; seed += 1) {
    last = await run(seed, options, count === 1);
    tally.add(last);
    bar?.increment();
    if (last.violation !== undefined) break;
  }
  bar?.stop();
  const summary = tally.summary(performance.now() - started_ms);
  const broken = last?.violation === undefined ? undefined : await run(last.seed, options, true);
  if (options.json) {
    const violation = broken && {
      seed: broken.seed,
      ...broken.violation,
      repeat: repeatCommand(broken.seed, options.plant),
    };
    console.log(JSON.stringify({ ok: broken === undefined, ...summary, ...(violation && { violation }) }));
  } else {
    const lines_max = options.verbose ? Number.POSITIVE_INFINITY : TRAIL_LINES_MAX;
    if (options.verbose && count === 1 && last !== undefined) printAll(last);
    console.log(summaryText(summary));
    console.log(broken === undefined ? "every invariant held" : violationText(broken, options.plant, lines_max));
  }
  return broken === undefined ? 0 : 1;
}

/** Kept lines cost time: a run keeps none, and is repeated with them when it broke. */
function run(seed: number, { plant }: Options, keep_trace: boolean): Promise<RunReport> {
  return runSeed({ seed, scenario: flowScenario, ...(plant === undefined ? {} : { plant }), keep_trace });
}

function printAll({ trace, hash }: RunReport): void {
  for (const { at_ms, who, what, subject } of trace)
    console.log(`${at_ms.toFixed(0).padStart(7)} ms  ${who}: ${what}  ${subject}`);
  console.log(`trace hash ${hash}`);
}

function progressBar(total: number): SingleBar {
  const bar = new SingleBar({
    format: "{bar} {value}/{total} seeds, {eta} s left",
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, 0);
  return bar;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new InvalidArgumentError("it must be a whole number");
}
