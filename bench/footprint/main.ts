/** What a request leaves behind and costs, part by part: what `sluice cost --capacity` reckons with. `node bench/footprint/main.ts --help`. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { listenForInterrupts } from "../../tools/stack/interrupts.ts";
import { startBenchStack } from "../support/stack.ts";
import { measure } from "./measure.ts";
import { render } from "./report.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const INTERRUPTED_CODE = 130;

const HELP = `
Three loads through a whole Sluice of its own on real parts, with the cache as it is set and all requests different: short ones, long prompts, long
answers. What topics, Redis and Postgres hold more after each is divided by its requests; the differences between the loads are what a token takes.

Examples:
  npm run bench:footprint
  npm run bench:footprint -- --requests 500 --json`;

const flags = new Command("bench:footprint")
  .description("Bytes on topics, in Redis and in Postgres, and CPU by process, of one request.")
  .option("--requests <n>", "of each load", whole, 4_000)
  .option("--in-flight <n>", "requests kept in flight", whole, 128)
  .option("--json", "print the figures as JSON instead of tables")
  .addHelpText("after", HELP)
  .parse()
  .opts<{ requests: number; inFlight: number; json?: true }>();

const interrupts = listenForInterrupts(() => process.exit(INTERRUPTED_CODE));
const stack = await startBenchStack({ root: ROOT, name: "bench-footprint", signal: interrupts.signal });
try {
  const found = await measure(stack, { requests: flags.requests, in_flight: flags.inFlight });
  console.log(flags.json ? JSON.stringify(found, null, 2) : render(found));
} finally {
  await stack.stop();
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a whole number from 1.");
}
