/** How long the console's pages take to show their data while the pipeline works. `node bench/console/main.ts --help`. */
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { adminKey } from "../../cli/prepare.ts";
import { topicNames } from "../../libs/shared/events/topics.ts";
import { listenForInterrupts } from "../../tools/stack/interrupts.ts";
import { met, render } from "../support/report.ts";
import { ownSettings } from "../support/settings.ts";
import { type BenchStack, startBenchStack } from "../support/stack.ts";
import { startAsking } from "./asking.ts";
import { noBrowser, openBrowser, type Viewer } from "./browser.ts";
import { costWith, loadPages } from "./measure.ts";
import { pagesOf } from "./pages.ts";
import { costsTable, figures, type Measured, pagesTable } from "./report.ts";
import { seed } from "./seed.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const NAME = "bench-console";
const INTERRUPTED_CODE = 130;
/** Two prompts to roll out between; equal requests are cached, the others are called for. */
const SECTIONS = {
  tiers: {
    small: { models: ["gpt-4.1-mini"], prompts: { v1: "Answer briefly.", v2: "Answer in one line." }, prompt: "v1" },
    large: { models: ["gpt-4.1"] },
    embedding: { kind: "embeddings", models: ["text-embedding-3-small"] },
  },
  cache: { exact: { enabled: true }, semantic: { enabled: false } },
  webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] },
};

const HELP = `
A whole Sluice of its own on real parts, with the bundled mock model server (20 ms an answer), and Chromium on the same machine: its CPU
is told beside the pipeline's. A page's time is from the navigation to the frame that shows its data, by the browser's clock. "New" is a
window that has loaded nothing yet, "again" the same page once more in it. "Idle" is the same with nothing to do for the pipeline.

Exit code: 0 when every target is met or there is no Chromium, 1 when one is missed.

Examples:
  npm run bench:console
  npm run bench:console -- --rounds 5 --seconds 10
  npm run --silent bench:console -- --json > console.json`;

const flags = new Command("bench:console")
  .description("How long the console's pages take while the pipeline works, and what a viewer costs the pipeline.")
  .option("--rounds <n>", "loads of each page, new and again", positive, 20)
  .option("--rate <n>", "requests a second", positive, 200)
  .option("--seconds <n>", "length of each measured run with and without viewers", positive, 30)
  .option("--warm-up <n>", "seconds of load before", positive, 20)
  .option("--json", "print the figures as JSON instead of tables")
  .addHelpText("after", HELP)
  .parse()
  .opts<{ rounds: number; rate: number; seconds: number; warmUp: number; json?: true }>();

const missing = noBrowser();
if (missing !== undefined) {
  console.error(`bench: ${missing}`);
  process.exit(0);
}
const interrupts = listenForInterrupts(() => process.exit(INTERRUPTED_CODE));
const settings = ownSettings(ROOT, SECTIONS);
const measured = await Promise.race([bench(), interrupts.first.then(() => undefined)]).finally(() => settings.remove());
if (measured === undefined) process.exit(INTERRUPTED_CODE);
const told = figures(measured);
if (flags.json) {
  const pages = Object.fromEntries(
    [...measured.loaded].map(([name, loaded]) => [name, { loaded, idle: measured.idle.get(name) }]),
  );
  const verdicts = told.map((one) => ({ ...one, met: met(one) }));
  console.log(JSON.stringify({ pages, costs: measured.costs, figures: verdicts }, null, 2));
} else {
  console.log(pagesTable(measured));
  console.log(costsTable(measured));
  console.log(render({ scenario: "console", figures: told }));
}
process.exit(told.some((figure) => met(figure) === false) ? 1 : 0);

async function bench(): Promise<Measured> {
  const { signal } = interrupts;
  // Without it there are no webhooks.
  process.env["SLUICE_SECRET_KEY"] ??= randomBytes(32).toString("hex");
  const started = { root: ROOT, name: NAME, settings_file: settings.file, signal };
  const stack = await startBenchStack({ ...started, scale: { replay: 1 } });
  let viewer: Viewer | undefined;
  let stopSeeds: (() => void) | undefined;
  try {
    const admin_key = await adminKey(join(ROOT, ".sluice", NAME));
    const brokers = stack.env["KAFKA_BROKERS"] ?? "";
    const requests_topic = topicNames("llm.").requests;
    const shown = await seed({ gateway_url: stack.gateway_url, admin_key, brokers, requests_topic, signal });
    stopSeeds = shown.stop;
    viewer = await openBrowser(stack.gateway_url, ({ by }) => (by === "admin" ? admin_key : stack.api_key));
    return await measure(stack, viewer, shown);
  } finally {
    stopSeeds?.();
    await viewer?.stop();
    await stack.stop();
  }
}

async function measure(stack: BenchStack, viewer: Viewer, shown: Parameters<typeof pagesOf>[0]): Promise<Measured> {
  const { signal } = interrupts;
  const { rounds, rate, seconds, warmUp } = flags;
  const pages = pagesOf(shown);
  const asking = startAsking(stack.gateway_url, stack.api_key, rate);
  console.error(`bench: ${rate} requests/s, and every page once`);
  await loadPages(viewer, pages, 1, signal);
  await new Promise((resolve) => setTimeout(resolve, warmUp * 1_000));
  console.error(`bench: ${pages.length} pages, ${rounds} times, under load`);
  const loaded = await loadPages(viewer, pages, rounds, signal);
  const { failed } = await asking.stop();
  console.error("bench: the same, idle");
  const idle = await loadPages(viewer, pages, rounds, signal);
  const costs = [];
  for (const viewers of [0, 1]) {
    console.error(`bench: ${viewers} on the overview, ${seconds} s`);
    const options = { stack, viewer, rate_per_s: rate, duration_ms: seconds * 1_000, signal };
    costs.push(await costWith(viewers, options));
  }
  return { loaded, idle, costs, failed: costs.reduce((sum, one) => sum + one.failed, failed) };
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 1) return value;
  throw new InvalidArgumentError("Expected a number from 1.");
}
