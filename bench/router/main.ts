/** What the router does under load, against what was set as its aim. `npm run bench:router -- --help`. */
import { Argument, Command, InvalidArgumentError } from "commander";
import { runScenarios } from "../support/scenarios.ts";
import { type Scenario, startRouterStack } from "./scenario.ts";
import { index } from "./scenarios/index.ts";
import { lookups } from "./scenarios/lookups.ts";
import { restart } from "./scenarios/restart.ts";
import { tiers } from "./scenarios/tiers.ts";
import { verifier } from "./scenarios/verifier.ts";

const SCENARIOS: readonly Scenario[] = [lookups, index, restart, tiers, verifier];

const HELP = `
Scenarios, each on parts of its own (real, on free ports) where it needs any:
${SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}

Each figure is printed with its target, and with its ratio to what stands beside it, measured in the same run. Absolute times depend
on the machine and on what else it does; ratios far less. The embedding model is fetched from Maven Central at the first run.

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  npm run bench:router
  npm run bench:router -- lookups --seconds 30
  npm run --silent bench:router -- index --json > index.json`;

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a number from 1.");
}

const scenario_argument = new Argument("[scenario]", "one of them; default: all, one after the other");
const command = new Command("bench:router")
  .description("The router: look-ups in the cache, its index, and a start with many entries.")
  .addArgument(scenario_argument.choices(SCENARIOS.map(({ name }) => name)))
  .option("--seconds <n>", "of scenarios under load: length of each measured part", positive)
  .option("--json", "print the figures as JSON instead of tables")
  .addHelpText("after", HELP)
  .parse();
const flags = command.opts<{ seconds?: number; json?: boolean }>();
const wanted = command.args[0];
const chosen = SCENARIOS.filter(({ name }) => wanted === undefined || name === wanted);

process.exit(await runScenarios(chosen, { ...flags, start: (name, _, signal) => startRouterStack(name, signal) }));
