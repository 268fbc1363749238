/** The sample job of `npm start`: examples/requests.jsonl through the topics, and what to try next. */
import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../libs/shared/config/schema.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import type { Result } from "../libs/shared/events/flow.ts";
import { BatchingProducer } from "../libs/shared/kafka/producer.ts";
import type { Progress } from "../tools/stack/progress.ts";
import type { Stack } from "../tools/stack/up.ts";
import { type CliContext, openContext } from "./context.ts";
import { type Bar, createBar } from "./output/bar.ts";
import { formatMs, formatTable, formatUsd, oneLine } from "./output/format.ts";
import { answerText } from "./output/result.ts";
import { buildRequest, type IdentifiedRequest } from "./requests/build.ts";
import { deliver, type Item } from "./requests/deliver.ts";
import { readLines } from "./requests/lines.ts";
import { prepareToWrite, requestRecord } from "./requests/records.ts";
import type { Summary, Tally } from "./requests/summary.ts";
import { watchResults } from "./requests/watch.ts";

const SAMPLE_FILE = join("examples", "requests.jsonl");
export const DEMO_TENANT = "demo";
const TIMEOUT_MS = 180_000;
const ANSWERS_SHOWN = 12;
/** Plain progress lines where there is no terminal. */
const STEPS = 5;

/** Sends the sample and shows what came back. @returns true when every request was answered with success. */
export async function runSample(stack: Stack, live: boolean): Promise<boolean> {
  const context = await openContext(stack.env);
  const tenant = sampleTenant(context.settings);
  const items = await readSample(stack.root, tenant, context.settings.tiers);
  const { progress } = stack;
  progress.say("");
  if (stack.endpoints.mock_llm === null) progress.say(paidNotice(items.length, stack.env["OPENAI_BASE_URL"]));
  else progress.say(`sample: sending the ${items.length} requests of ${SAMPLE_FILE} through the topics`);
  const results: Result[] = [];
  const bar = createBar("sample", items.length, live);
  const steps = progressLines(items.length, progress, live && process.stderr.isTTY === true);
  const summary = await sendSample(context, stack.signal, items, results, bar, steps);
  for (const line of sampleReport(items.length, results, summary)) progress.say(line);
  return (summary.by_status["succeeded"] ?? 0) === items.length;
}

async function sendSample(
  context: CliContext,
  signal: AbortSignal,
  items: readonly Item[],
  results: Result[],
  bar: Bar,
  steps: (answered: number) => void,
): Promise<Summary> {
  const producer = new BatchingProducer(context.kafka, context.settings.producer);
  const watcher = watchResults(context);
  const failures: string[] = [];
  try {
    await Promise.all([producer.connect(), prepareToWrite(context)]);
    return await deliver(each(items), {
      publish: (records) => producer.publish(records),
      recordOf: (request) => requestRecord(context, request),
      watch: watcher.start,
      timeout_ms: TIMEOUT_MS,
      now_ms: Date.now,
      sleep: (duration_ms) => sleep(duration_ms, undefined, { signal }).catch(() => undefined),
      signal,
      on: {
        bad: (where, reason) => failures.push(`${SAMPLE_FILE} ${where}: ${reason}`),
        sent: () => undefined,
        result: (result) => void results.push(result),
        late: (id) => failures.push(`${id}: no result in time`),
        progress: (tally: Tally) => {
          bar.update(tally.answered, items.length, formatUsd(tally.cost_usd));
          steps(tally.answered);
        },
      },
    });
  } finally {
    bar.stop();
    for (const line of failures) process.stderr.write(`${line}\n`);
    await Promise.all([watcher.stop(), producer.close().catch(() => undefined)]);
  }
}

/** The demo tenant, or the first that the settings know. */
function sampleTenant(settings: Settings): string {
  const tenants = Object.keys(settings.tenants);
  const tenant = tenants.includes(DEMO_TENANT) ? DEMO_TENANT : tenants[0];
  if (tenant !== undefined) return tenant;
  throw new SluiceError("settings_invalid", "the sample needs a tenant and sluice.yaml has none", {
    fix: "Add `tenants: { demo: { plan: default } }` to sluice.yaml.",
  });
}

async function readSample(root: string, tenant: string, tiers: Settings["tiers"]): Promise<Item[]> {
  // New ids on each run: an id that was answered before gets no second result.
  const run = randomUUID().slice(0, 8);
  const items: Item[] = [];
  for await (const line of readLines(createReadStream(join(root, SAMPLE_FILE)), 1024 * 1024)) {
    const where = `line ${line.number}`;
    if ("problem" in line) {
      items.push({ ok: false, where, reason: line.problem });
      continue;
    }
    const id = sampleId(run, line.number);
    const built = buildRequest(line.text, { tenant }, () => id);
    if (built.ok) items.push({ ok: true, where, request: fitRequest(built.request, tenant, tiers) });
    else items.push({ ok: false, where, reason: built.reason });
  }
  return items;
}

/** `sample-1f2e3d4c-007`. Pure. */
export function sampleId(run: string, number: number): string {
  return `sample-${run}-${String(number).padStart(3, "0")}`;
}

/** Fits a sample request to settings of the user's own: their tenant, and no tier or model that they do not have. Pure. */
export function fitRequest(request: IdentifiedRequest, tenant: string, tiers: Settings["tiers"]): IdentifiedRequest {
  const { tier, body, ...rest } = request;
  const known = new Set(Object.entries(tiers).flatMap(([name, { models }]) => [name, ...models]));
  const model = body.model !== undefined && known.has(body.model) ? body.model : "auto";
  return {
    ...rest,
    tenant,
    body: { ...body, model } as IdentifiedRequest["body"],
    ...(tier === undefined || tiers[tier] === undefined ? {} : { tier }),
  };
}

/** What came back: some answers as a table, and the totals. Pure. */
function sampleReport(total: number, results: readonly Result[], summary: Summary): string[] {
  const rows = chooseShown(results).map((result) => [
    result.id,
    result.status === "succeeded" ? (result.route?.tier ?? "-") : result.status,
    result.route?.cache ?? "-",
    result.usage === undefined ? "-" : formatUsd(result.usage.cost_usd),
    oneLine(answerText(result), 60),
  ]);
  const { by_cache, cost_usd, p50_ms, p95_ms, requests_per_second } = summary;
  const succeeded = summary.by_status["succeeded"] ?? 0;
  const caches = Object.entries(by_cache).map(([cache, count]) => `${cache} ${count}`);
  const latency = p50_ms === null || p95_ms === null ? [] : [`p50 ${formatMs(p50_ms)}`, `p95 ${formatMs(p95_ms)}`];
  const totals = [
    `answered ${succeeded} of ${total}`,
    `cache: ${caches.join(", ") || "none"}`,
    `cost ${formatUsd(cost_usd)}`,
    ...latency,
    `${requests_per_second} req/s`,
  ];
  const table = rows.length === 0 ? [] : formatTable(["id", "tier", "cache", "cost", "answer"], rows, [3]).split("\n");
  return ["", ...table, "", totals.join("; ")];
}

/** What failed first, then answers of every tier and cache outcome in turn. Pure. */
export function chooseShown(results: readonly Result[]): Result[] {
  const kinds = Map.groupBy(results, ({ status, route }) => `${status} ${route?.tier} ${route?.cache}`);
  const failed_first = [...kinds].sort(([one], [other]) => Number(isSuccess(one)) - Number(isSuccess(other)));
  const queues = failed_first.map(([, same]) => [...same]);
  const shown: Result[] = [];
  while (shown.length < ANSWERS_SHOWN && queues.some((queue) => queue.length > 0)) {
    for (const queue of queues) {
      const next = queue.shift();
      if (next !== undefined && shown.length < ANSWERS_SHOWN) shown.push(next);
    }
  }
  return shown.sort((one, other) => (one.id < other.id ? -1 : 1));
}

function isSuccess(kind: string): boolean {
  return kind.startsWith("succeeded");
}

function paidNotice(count: number, url: string | undefined): string {
  const host = url === undefined ? "the configured endpoints" : new URL(url).host;
  return `sample: sending ${count} short requests to ${host}, which may charge for them (some cents at OpenAI's prices)`;
}

/** A line at every fifth of the way. */
function progressLines(total: number, progress: Progress, has_bar: boolean): (answered: number) => void {
  let told = 0;
  return (answered) => {
    const step = Math.floor((answered / total) * STEPS);
    if (has_bar || step <= told) return;
    told = step;
    progress.say(`sample: ${answered} of ${total} answered`);
  };
}

async function* each(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}
