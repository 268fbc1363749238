/** What admission costs and how well it holds, against what was set as its aim. `npm run bench:admission -- --help`. */
import { InvalidArgumentError } from "commander";
import { benchCommand } from "../support/command.ts";
import { runScenarios } from "../support/scenarios.ts";
import { decisions } from "./scenarios/decisions.ts";
import { keysScenario } from "./scenarios/keys.ts";
import { RATES_SECONDS_MIN, rates } from "./scenarios/rates.ts";
import { type Scenario, startAdmissionStack } from "./stack.ts";

const IDS = 1_000_000;
const NAMES = ["decisions", "rates", "keys"] as const;

const HELP = `
Scenarios, each on a Redis of its own (real, with an append-only file as Sluice runs it, on a free port; nothing else is started):
${[decisions, rates, keysScenario(IDS)].map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}`).join("\n")}

Each figure is printed with its target, and with its ratio to what stands beside it, measured in the same run. Absolute times depend
on the machine and on what else it does; ratios far less. rate-limiter-flexible counts the same limits of requests and tokens in
fixed windows, each by itself: it knows no identity and no budgets, and what one limit refuses stays charged to the others.

Default lengths: decisions ${decisions.seconds} s for each of nine parts, rates ${rates.seconds} s, keys ${IDS} ids (some minutes).

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  npm run bench:admission
  npm run bench:admission -- decisions --seconds 10
  npm run bench:admission -- rates --seconds 190
  npm run bench:admission -- keys --ids 100000
  npm run --silent bench:admission -- decisions --json > decisions.json`;

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= 100_000_000) return value;
  throw new InvalidArgumentError("Expected a whole number from 1 to 100000000.");
}

const command = benchCommand({
  name: "bench:admission",
  description: "Admission on a real Redis: the cost of a decision, how well limits hold, and memory.",
  scenarios: NAMES,
  seconds: `of decisions and rates: length of the measured part (rates: from ${RATES_SECONDS_MIN})`,
  help: HELP,
})
  .option("--ids <n>", `of keys: how many; default: ${IDS}`, count)
  .parse();
const flags = command.opts<{ seconds?: number; ids?: number; json?: boolean }>();
const wanted = command.args[0];
const isWanted = ({ name }: Scenario): boolean => wanted === undefined || name === wanted;
const chosen = [decisions, rates, keysScenario(flags.ids ?? IDS)].filter(isWanted);

if (flags.ids !== undefined && !chosen.some(({ name }) => name === "keys")) command.error("error: --ids is for keys");
if (flags.seconds !== undefined && wanted === "keys") command.error("error: keys has no length in seconds, but --ids");
if (flags.seconds !== undefined && flags.seconds < RATES_SECONDS_MIN && chosen.includes(rates))
  command.error(`error: rates needs ${RATES_SECONDS_MIN} seconds or more`);

process.exit(
  await runScenarios(chosen, {
    seconds: flags.seconds,
    json: flags.json,
    start: (name, _, signal) => startAdmissionStack(name, signal),
  }),
);
