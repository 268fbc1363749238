/** What following requests costs the gateway, and that nobody misses anything. `node bench/streams/main.ts --help`. */
import { benchCommand } from "../support/command.ts";
import { runScenarios } from "../support/scenarios.ts";
import { open } from "./scenarios/open.ts";
import { slow } from "./scenarios/slow.ts";
import { type Scenario, startStreamsStack } from "./stack.ts";

const SCENARIOS: readonly Scenario[] = [open, slow];

const HELP = `
Scenarios, each with a gateway of its own (real parts, free ports), to whose Redis the benchmark writes as the other services do:
${SCENARIOS.map(({ name, summary, seconds }) => `  ${name.padEnd(6)} ${summary} (${seconds} s)`).join("\n")}

Each reader compares all that it got with what was written: nothing may be missing, repeated or out of order.

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  npm run bench:streams
  npm run bench:streams -- open --seconds 120
  npm run --silent bench:streams -- --json > streams.json`;

const command = benchCommand({
  name: "bench:streams",
  description: "Readers of event streams: how many one gateway holds, through a kill, and what the slow ones cost.",
  scenarios: SCENARIOS.map(({ name }) => name),
  seconds: "length of the streams of `open`; default: 60",
  help: HELP,
}).parse();
const flags = command.opts<{ seconds?: number; json?: boolean }>();
const wanted = command.args[0];
const chosen = SCENARIOS.filter(({ name }) => wanted === undefined || name === wanted);

process.exit(
  await runScenarios(chosen, {
    ...flags,
    start: (name, options, signal) => startStreamsStack(name, options, signal),
  }),
);
