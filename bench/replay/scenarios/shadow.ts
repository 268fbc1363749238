/** Other settings with real calls, then the comparison: its page, and its gates as a CI job asks for them. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { askedOnce } from "../requests.ts";
import type { Scenario } from "../stack.ts";

const RECORDS = 200;
/** Of each chat tier. */
const CHEAPER = "-cheaper";
const PRICE = { input_usd_per_mtok: 0.1, cached_input_usd_per_mtok: 0.025, output_usd_per_mtok: 0.4 };
const EXIT_GATE = 5;

export const shadow: Scenario = {
  name: "shadow",
  summary: `${RECORDS} recorded requests by a cheaper model of another settings file, compared: page and gates`,
  seconds: 0,
  async run(bench) {
    const stack = await bench.start({
      sections: { cache: { exact: { enabled: false }, semantic: { enabled: false } } },
    });
    const requests = Array.from({ length: RECORDS }, (_, at) => askedOnce(`s${at}`, at, 40));
    await stack.produce(requests);
    await stack.resultsOf(
      requests.map(({ id }) => id),
      bench.signal,
    );
    const dir = mkdtempSync(join(tmpdir(), "sluice-bench-"));
    try {
      const settings = join(dir, "cheaper.yaml");
      writeFileSync(settings, stringify(cheaper(parse(readFileSync(stack.settings_file, "utf8")))));
      const done = await stack.sluice.replay([
        "--mode",
        "shadow",
        "--settings",
        settings,
        "--budget-usd",
        "20",
        "--yes",
      ]);
      const page = process.env["BENCH_REPLAY_PAGE"] ?? join(dir, "comparison.html");
      const compare = ["replay", "compare", done.id, "--json", "--distances", "0"];
      const passes = await stack.sluice.run(...compare, "--html", page, "--max-cost-ratio", "0.5", "--max-lost", "0");
      const fails = await stack.sluice.run(...compare, "--max-cost-ratio", "0.0001", "--min-same", "0.99");
      const { comparison } = JSON.parse(passes.out) as {
        comparison: { summary: { cost_ratio?: number; compared: number } };
      };
      return [
        {
          name: "records called by the other model",
          value: done.totals.calls,
          unit: "",
          target: { at_least: RECORDS },
        },
        { name: "compared", value: comparison.summary.compared, unit: "", target: { at_least: RECORDS } },
        {
          name: "replayed over original cost",
          value: comparison.summary.cost_ratio ?? Number.NaN,
          unit: "",
          target: { at_most: 0.5 },
        },
        { name: "exit code with gates that hold", value: passes.code ?? -1, unit: "", target: { at_most: 0 } },
        {
          name: "exit code with gates that do not",
          value: fails.code ?? -1,
          unit: "",
          target: { at_least: EXIT_GATE },
        },
        { name: "page", value: statSync(page).size / 1_024, unit: "KiB", target: { at_most: 2_048 } },
      ];
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  },
};

type Tier = { readonly models?: readonly string[] | undefined; readonly kind?: string | undefined };
type Yaml = { readonly tiers: Record<string, Tier>; readonly prices: { readonly models: Record<string, object> } };

/** A model serves one tier. */
function cheaper(settings: Yaml): Yaml {
  const chat = Object.entries(settings.tiers).filter(([, { kind }]) => kind !== "embeddings");
  const others = chat.map(([name, tier]) => [name, { ...tier, models: [`${name}${CHEAPER}`] }] as const);
  const priced = chat.map(([name]) => [`${name}${CHEAPER}`, PRICE] as const);
  return {
    ...settings,
    tiers: { ...settings.tiers, ...Object.fromEntries(others) },
    prices: { ...settings.prices, models: { ...settings.prices.models, ...Object.fromEntries(priced) } },
  };
}
