/** What inference does under load, against what was set as its aim. `npm run bench:inference -- --help`. */
import { benchMain } from "../support/command.ts";
import type { Scenario } from "./scenario.ts";
import { concurrency } from "./scenarios/concurrency.ts";
import { embeddings } from "./scenarios/embeddings.ts";
import { faults } from "./scenarios/faults.ts";
import { flood } from "./scenarios/flood.ts";
import { limits } from "./scenarios/limits.ts";
import { linear } from "./scenarios/linear.ts";
import { memory } from "./scenarios/memory.ts";
import { streams } from "./scenarios/streams.ts";
import { startInferenceStack } from "./stack.ts";

const SCENARIOS: readonly Scenario[] = [concurrency, limits, faults, flood, memory, embeddings, streams, linear];

const HELP = `
Scenarios, each on a Sluice of its own (real parts, the bundled mock model server, free ports):
${SCENARIOS.map(({ name, summary, seconds }) => `  ${name.padEnd(12)} ${summary} (${seconds} s)`).join("\n")}

Each figure is printed with its target, and with its ratio to what stands beside it: the ideal, or another way to do the same work,
measured in the same run. Absolute times depend on the machine; ratios far less.

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  npm run bench:inference
  npm run bench:inference -- limits --seconds 150
  npm run --silent bench:inference -- flood --json > flood.json`;

await benchMain(
  {
    name: "bench:inference",
    description:
      "Inference under load: concurrency, limits, faults, fairness, memory, batches, streams and further processes.",
    seconds: "length of the measured part; default: each scenario's own",
    help: HELP,
  },
  SCENARIOS,
  startInferenceStack,
);
