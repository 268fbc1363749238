/** Workers follow a step of load: `sluice up --autoscale` under 50 → 600 → 50 requests a second. `node bench/autoscale/main.ts --help`. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { ROOT } from "../../cli/context.ts";
import { type Figure, met, render } from "../support/report.ts";
import { ownSettings, WITHOUT_CACHE } from "../support/settings.ts";
import { page } from "./page.ts";
import type { Phase } from "./phases.ts";
import { type Outcome, runAutoscale } from "./run.ts";

const HELP = `bench:autoscale: workers follow a step of load, by the real \`sluice up --autoscale\` with a state folder of its own.

  --low N         requests a second before and after the step (50)
  --high N        requests a second in the step (600)
  --seconds A,B,C of the three phases (40,180,120)
  --latency-ms N  of the mock backend (300)
  --in-flight N   calls at once for each worker (64: some 210 a second at 300 ms)
  --cool-down N,M seconds after a step up and a step down (15,30; the settings' own defaults are 60,300)
  --out FILE      the page with the plots (.sluice/bench-autoscale/autoscale.html)
  --json          print figures and rows as JSON

Exit code: 0 when every target is met, 1 when one is missed.

Examples:
  npm run bench:autoscale
  npm run --silent bench:autoscale -- --high 300 --json > autoscale.json
`;

/** The age counts from so long after the step begins. */
const GRACE_S = 60;

const { values } = parseArgs({
  options: {
    low: { type: "string", default: "50" },
    high: { type: "string", default: "600" },
    seconds: { type: "string", default: "40,180,120" },
    "latency-ms": { type: "string", default: "300" },
    "in-flight": { type: "string", default: "64" },
    "cool-down": { type: "string", default: "15,30" },
    out: { type: "string" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
process.exit(await main());

async function main(): Promise<number> {
  const [before = 40, step = 180, after = 120] = numbers(values.seconds);
  const [up_s = 15, down_s = 30] = numbers(values["cool-down"]);
  const [low, high] = [Number(values.low), Number(values.high)];
  const phases: Phase[] = [
    { per_s: low, seconds: before },
    { per_s: high, seconds: step },
    { per_s: low, seconds: after },
  ];
  const dir = join(ROOT, ".sluice", "bench-autoscale");
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  const scaling = {
    every_ms: 2_000,
    window_ms: 8_000,
    cool_down_up_ms: up_s * 1_000,
    cool_down_down_ms: down_s * 1_000,
  };
  say(`cool-downs of ${up_s} s up and ${down_s} s down instead of 60 s and 300 s, so that the run ends in minutes`);
  const settings = ownSettings(ROOT, { ...changedSections(Number(values["in-flight"])), scaling });
  try {
    const outcome = await runAutoscale({
      ...{ root: ROOT, dir, settings_file: settings.file, phases, say },
      latency_ms: Number(values["latency-ms"]),
      quiet_s_max: 10 * down_s + 60,
    });
    const figures = figuresOf(outcome, before, step);
    const table = render({ scenario: `${low} → ${high} → ${low} requests/s`, figures });
    const out = resolve(values.out ?? join(dir, "autoscale.html"));
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, page(outcome, phases, table));
    process.stdout.write(values.json ? `${JSON.stringify({ figures, ...outcome })}\n` : `${table}\n${out}\n`);
    return figures.every((figure) => met(figure) !== false) ? 0 : 1;
  } finally {
    settings.remove();
  }
}

function figuresOf(
  { rows, sent, missing, repeated, workers_last }: Outcome,
  before_s: number,
  step_s: number,
): Figure[] {
  const within = rows.filter(({ at_s }) => at_s >= before_s && at_s < before_s + step_s);
  const settled = within.filter(({ at_s }) => at_s >= before_s + GRACE_S);
  const most = (of: readonly { readonly oldest_age_s: number }[]): number =>
    Math.max(0, ...of.map(({ oldest_age_s }) => oldest_age_s));
  return [
    { name: "requests sent", value: sent, unit: "" },
    { name: "without a Result", value: missing, unit: "", target: { at_most: 0 } },
    { name: "with more than one", value: repeated, unit: "", target: { at_most: 0 } },
    {
      name: "workers at the most",
      value: Math.max(0, ...rows.map(({ workers }) => workers)),
      unit: "",
      target: { at_least: 2 },
    },
    { name: "workers in the end", value: workers_last, unit: "", target: { at_most: 1 } },
    {
      name: "oldest age, first 60 s of the step",
      value: most(within.filter(({ at_s }) => at_s < before_s + GRACE_S)),
      unit: "s",
    },
    { name: "oldest age, after that", value: most(settled), unit: "s", target: { at_most: 5 } },
  ];
}

/** No cache, workers of so many calls each, and consumers that gather longer: two cores bear 600 requests a second only in larger batches. */
function changedSections(in_flight_max: number): Readonly<Record<string, unknown>> {
  const shipped = parse(readFileSync(join(ROOT, "sluice.yaml"), "utf8")) as Record<string, Record<string, object>>;
  return {
    consumption: { ...shipped["consumption"], fetch_pause_ms_max: 100 },
    tiers: { ...shipped["tiers"], small: { ...shipped["tiers"]?.["small"], in_flight_max } },
    cache: { ...WITHOUT_CACHE, coalesce: { enabled: false } },
  };
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}
