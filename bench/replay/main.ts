/** What replays come to: how fast, how exact through crashes, how near a prediction is to what then happens. `node bench/replay/main.ts --help`. */
import { benchMain } from "../support/command.ts";
import { budget } from "./scenarios/budget.ts";
import { reuse } from "./scenarios/reuse.ts";
import { shadow } from "./scenarios/shadow.ts";
import { whatIf } from "./scenarios/what-if.ts";
import { type Scenario, startReplayStack } from "./stack.ts";

const SCENARIOS: readonly Scenario[] = [reuse, whatIf, budget, shadow];

const HELP = `
Scenarios, each with a pipeline of its own (real parts, free ports) and the bundled mock model server. Replays run as users run them: by
\`sluice replay\`, as a process.
${SCENARIOS.map(({ name, summary }) => `  ${name.padEnd(8)} ${summary}`).join("\n")}

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  npm run bench:replay
  npm run bench:replay -- reuse
  npm run --silent bench:replay -- what-if --json > what-if.json`;

await benchMain(
  {
    name: "bench:replay",
    description: "Replays of recorded traffic: reuse, what-if, recompute with a budget, shadow with a comparison.",
    seconds: "how long what-if's requests come; default: 20",
    help: HELP,
  },
  SCENARIOS,
  startReplayStack,
);
