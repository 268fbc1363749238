/** Requests over HTTP through Sluice, beside a gateway that keeps nothing. `node bench/http/main.ts --help`. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { listenForInterrupts } from "../../tools/stack/interrupts.ts";
import { met, render } from "../support/report.ts";
import { ownSettings, WITHOUT_CACHE } from "../support/settings.ts";
import { startBenchStack } from "../support/stack.ts";
import { processesOf, startContenders } from "./contenders.ts";
import { type Load, measure, type Row } from "./measure.ts";
import { contendersTable, figures, processesTable } from "./report.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const INTERRUPTED_CODE = 130;

const HELP = `
All on this machine, one after the other, with the bundled mock model server (20 ms an answer) behind them: the mock itself,
Portkey's gateway (npm @portkey-ai/gateway, stateless), and a whole Sluice of its own on real parts. Each request asks something
else, and each answer is checked.

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  node bench/http/main.ts
  node bench/http/main.ts --seconds 10 --only sluice --connections 256
  node bench/http/main.ts --json > http.json`;

const flags = new Command("bench:http")
  .description("Requests over HTTP through Sluice, beside Portkey's gateway and the mock model by itself.")
  .option("--seconds <n>", "length of each measured run", positive, 30)
  .option("--warm-up <n>", "seconds of load before each: programs are compiled meanwhile", positive, 15)
  .option("--connections <list>", "requests kept in flight, each on a connection of its own", list, [32, 256])
  .option("--only <names>", "of mock, portkey, sluice")
  .option("--cache", "with the cache as it is set: each request is also looked for by meaning; all are different")
  .option("--json", "print the figures as JSON instead of tables")
  .addHelpText("after", HELP)
  .parse()
  .opts<{ seconds: number; warmUp: number; connections: number[]; only?: string; cache?: true; json?: true }>();

const interrupts = listenForInterrupts(() => process.exit(INTERRUPTED_CODE));
const settings = ownSettings(ROOT, flags.cache ? {} : { cache: WITHOUT_CACHE });
const run = await Promise.race([bench(), interrupts.first.then(() => undefined)]).finally(() => settings.remove());
if (run === undefined) process.exit(INTERRUPTED_CODE);
if (flags.json) {
  console.log(JSON.stringify({ rows: run, figures: figures(run).map((one) => ({ ...one, met: met(one) })) }, null, 2));
} else {
  console.log(contendersTable(run));
  console.log(processesTable(run));
  console.log(render({ scenario: "http", figures: figures(run) }));
}
process.exit(figures(run).some((figure) => met(figure) === false) ? 1 : 0);

async function bench(): Promise<Row[]> {
  const stack = await startBenchStack({
    root: ROOT,
    name: "bench-http",
    settings_file: settings.file,
    signal: interrupts.signal,
  });
  try {
    const rows: Row[] = [];
    for (const contender of await startContenders(stack)) {
      if (flags.only !== undefined && !flags.only.split(",").includes(contender.name)) continue;
      for (const connections of flags.connections) {
        const load: Load = { connections, warm_up_ms: flags.warmUp * 1_000, duration_ms: flags.seconds * 1_000 };
        console.error(`bench: ${contender.name}, ${connections} connections`);
        rows.push(await measure(contender, load, () => processesOf(contender, stack)));
      }
    }
    return rows;
  } finally {
    await stack.stop();
  }
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a number from 1.");
}

function list(text: string): number[] {
  return text.split(",").map(positive);
}
