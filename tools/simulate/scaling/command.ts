/** `npm run simulate -- scaling`: our policy beside lag-only scaling, as a table and a page with plots. Exits 1 where lag alone does better at our steps. */
import { writeFile } from "node:fs/promises";
import Table from "cli-table3";
import { Command, Option } from "commander";
import { createBar } from "../../../cli/output/bar.ts";
import { plotParts } from "../../../cli/output/plot-parts.ts";
import { type Comparison, compare, isBetter, PACES, type PaceName, TRIED } from "./compare.ts";
import { scalingPage } from "./page.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { figuresOf, HEAD, rowsOf } from "./table.ts";

type Options = {
  readonly seeds: string;
  readonly first: string;
  readonly scenario?: ScenarioName;
  readonly pace: PaceName | "both";
  readonly html: string;
  readonly json?: true;
};

export function scalingCommand(): Command {
  return new Command("scaling")
    .description("Compares the scaling policy with lag-only scaling at its best, over a day, a burst and a ramp.")
    .option("--seeds <count>", "traces of each scenario", "8")
    .option("--first <seed>", "the first trace's", "1")
    .addOption(new Option("--scenario <name>", "this one alone").choices(SCENARIOS))
    .addOption(
      new Option("--pace <name>", "whose steps both take").choices(["own", "kubernetes", "both"]).default("both"),
    )
    .option("--html <file>", "where the page is written", "scaling.html")
    .option("--json", "print one JSON object")
    .action(async (options: Options, command: Command) => {
      const [count, first] = [Number(options.seeds), Number(options.first)];
      if (![count, first].every((each) => Number.isSafeInteger(each) && each >= 1))
        command.error("--seeds and --first must be whole numbers from 1", { exitCode: 2 });
      process.exitCode = await main(options, count, first);
    });
}

async function main(options: Options, count: number, first: number): Promise<number> {
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  const paces: readonly PaceName[] = options.pace === "both" ? ["own", "kubernetes"] : [options.pace];
  const comparisons: Comparison[] = [];
  const scenarios = options.scenario === undefined ? SCENARIOS : [options.scenario];
  const all = scenarios.length * paces.length;
  const bar = createBar("scaling", all, !options.json);
  for (const scenario of scenarios) {
    for (const pace of paces) {
      bar.update(comparisons.length, all, `${scenario}, ${PACES[pace].title}`);
      comparisons.push(compare(scenario, pace, { seeds, ...TRIED[scenario], scale: 1 }));
    }
  }
  bar.stop();
  await writeFile(options.html, scalingPage(comparisons, await plotParts()));
  if (options.json) console.log(JSON.stringify({ page: options.html, comparisons: comparisons.map(figuresOf) }));
  else printTable(comparisons, options.html);
  return comparisons.every((one) => one.pace !== "own" || isBetter(one)) ? 0 : 1;
}

function printTable(comparisons: readonly Comparison[], page: string): void {
  const table = new Table({ head: HEAD, style: { head: [], border: [] } });
  for (const row of comparisons.flatMap(rowsOf)) table.push(row);
  console.log(table.toString());
  console.log(`plots: ${page}`);
}
