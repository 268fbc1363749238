/** What the router does under load, against what was set as its aim. `npm run bench:router -- --help`. */
import { benchCommand } from "../support/command.ts";
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

const command = benchCommand({
  name: "bench:router",
  description:
    "The router: look-ups in the cache, its index, a start with many entries, the verifier, and the choice of tiers.",
  scenarios: SCENARIOS.map(({ name }) => name),
  seconds: "of scenarios under load: length of each measured part",
  help: HELP,
}).parse();
const flags = command.opts<{ seconds?: number; json?: boolean }>();
const wanted = command.args[0];
const chosen = SCENARIOS.filter(({ name }) => wanted === undefined || name === wanted);

process.exit(await runScenarios(chosen, { ...flags, start: (name, _, signal) => startRouterStack(name, signal) }));
