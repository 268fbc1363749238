/** What following requests costs the gateway, and that nobody misses anything. `node bench/streams/main.ts --help`. */
import { benchMain } from "../support/command.ts";
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

await benchMain(
  {
    name: "bench:streams",
    description: "Readers of event streams: how many one gateway holds, through a kill, and what the slow ones cost.",
    seconds: "length of the streams of `open`; default: 60",
    help: HELP,
  },
  SCENARIOS,
  startStreamsStack,
);
