/** What the router does under load, against what was set as its aim. `npm run bench:router -- --help`. */
import { benchMain } from "../support/command.ts";
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

await benchMain(
  {
    name: "bench:router",
    description:
      "The router: look-ups in the cache, its index, a start with many entries, the verifier, and the choice of tiers.",
    seconds: "of scenarios under load: length of each measured part",
    help: HELP,
  },
  SCENARIOS,
  (name, _, signal) => startRouterStack(name, signal),
);
