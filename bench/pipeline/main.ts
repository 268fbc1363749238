/**
 * What the pipeline costs, beside a bare forwarder through as many kafkajs hops in the same run. `npm run bench -- --help`.
 */
import { fork } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { Agent, request } from "undici";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { closedLoop, type LoadResult, openLoop } from "../support/load.ts";
import { percentiles } from "../support/percentiles.ts";
import { sample } from "../support/processes.ts";
import { ownSettings, WITHOUT_CACHE } from "../support/settings.ts";
import { startBenchStack } from "../support/stack.ts";
import { topicClient } from "../support/topic-client.ts";
import { type Report, type Row, render } from "./report.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const MODEL_MS = 20;
const FLOOR_TOPICS = 5;
/** Long enough for the broker and the services to be compiled. */
const WARM_UP_MS = 15_000;
/** How long memory is watched after the last request is on the topic. */
const WAITING_MS = 20_000;

const flags = new Command("bench")
  .description("Requests from topic to result and through HTTP, with a mock model of 20 ms, beside a bare forwarder.")
  .option("--seconds <n>", "length of each measured run", "60")
  .option("--rate <n>", "requests a second of the latency runs", "100")
  .option("--in-flight <n>", "requests kept in flight in the throughput runs", "256")
  .option("--waiting <n>", "requests left waiting for the memory figure; 0 skips it", "100000")
  .option("--cache", "with the cache as it is set: each request is also looked for by meaning; all are different")
  .option("--only <ways>", "which ways in to measure", "floor,topic,http")
  .option("--json", "print the figures as JSON instead of a table")
  .addHelpText(
    "after",
    "\nExamples:\n  npm run bench\n  npm run bench -- --seconds 10 --waiting 0\n  npm run bench -- --json > figures.json",
  )
  .parse()
  .opts<{
    seconds: string;
    rate: string;
    inFlight: string;
    waiting: string;
    only: string;
    cache?: true;
    json?: boolean;
  }>();

const duration_ms = Number(flags.seconds) * 1_000;
const rate = Number(flags.rate);
const in_flight = Number(flags.inFlight);
const settings = ownSettings(ROOT, flags.cache ? {} : { cache: WITHOUT_CACHE });
const stack = await startBenchStack({ root: ROOT, name: "bench", settings_file: settings.file });
try {
  const rows: Row[] = [];
  const ways = { floor: benchFloor, topic: benchTopics, http: benchHttp };
  for (const name of flags.only.split(",")) rows.push(...(await (ways[name as keyof typeof ways] ?? none)()));
  const memory = Number(flags.waiting) > 0 ? await benchWaiting(Number(flags.waiting)) : undefined;
  const report: Report = { rows, ...(memory === undefined ? {} : { memory }) };
  console.log(flags.json ? JSON.stringify(report, null, 2) : render(report));
} finally {
  await stack.stop();
  settings.remove();
}

async function none(): Promise<Row[]> {
  return [];
}

async function benchFloor(): Promise<Row[]> {
  const prefix = "floor.";
  await createTopics(prefix);
  const child = fork(join(ROOT, "bench/pipeline/floor.ts"), [stack.parts.urls.kafka, prefix, String(MODEL_MS)]);
  await new Promise((resolve) => child.once("message", resolve));
  const client = await topicClient(stack.parts.urls.kafka, `${prefix}0`, `${prefix}${FLOOR_TOPICS - 1}`);
  const shot = async (index: number): Promise<boolean> => {
    const key = `floor-${index}-${performance.now()}`;
    await client.ask(key, body(key));
    return true;
  };
  const watched = [...stack.processes().filter(({ name }) => name === "kafka"), { name: "floor", pid: child.pid ?? 0 }];
  try {
    return await both("floor", watched, shot);
  } finally {
    await client.close();
    child.kill();
  }
}

async function benchTopics(): Promise<Row[]> {
  const client = await topicClient(stack.parts.urls.kafka, "llm.requests", "llm.results");
  const shot = async (index: number): Promise<boolean> => {
    const id = `bench-${index}-${Math.round(performance.now() * 1_000)}`;
    const record = await client.ask(id, body(id));
    return record.value?.includes('"status":"succeeded"') ?? false;
  };
  try {
    return await both("topic", stack.processes(), shot);
  } finally {
    await client.close();
  }
}

async function benchHttp(): Promise<Row[]> {
  const dispatcher = new Agent({ connections: in_flight });
  const shot = async (index: number): Promise<boolean> => {
    const response = await request(`${stack.gateway_url}/v1/chat/completions`, {
      method: "POST",
      dispatcher,
      headers: { authorization: `Bearer ${stack.api_key}`, "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ role: "user", content: prompt(`http-${index}`) }] }),
    });
    await response.body.dump();
    return response.statusCode === 200;
  };
  try {
    return await both("http", stack.processes(), shot);
  } finally {
    await dispatcher.close();
  }
}

/** A warm-up, the throughput run and the latency run of one way in. */
async function both(
  name: string,
  processes: readonly { readonly name: string; readonly pid: number }[],
  shot: (index: number) => Promise<boolean>,
): Promise<Row[]> {
  await closedLoop(in_flight, Math.min(WARM_UP_MS, duration_ms), shot);
  const rows: Row[] = [];
  for (const [mode, run] of [
    ["full", () => closedLoop(in_flight, duration_ms, shot)],
    [`${rate}/s`, () => openLoop(rate, duration_ms, shot)],
  ] as const) {
    console.error(`bench: ${name}, ${mode}`);
    const sampler = sample(processes);
    const result = await run();
    rows.push(rowOf(name, mode, result, sampler.stop()));
  }
  return rows;
}

function rowOf(
  name: string,
  mode: string,
  result: LoadResult,
  usage: ReturnType<ReturnType<typeof sample>["stop"]>,
): Row {
  const good = result.latencies_ms.length;
  const cpu_ms = [...usage.values()].reduce((sum, one) => sum + one.cpu_ms, 0);
  return {
    name,
    mode,
    requests: result.sent,
    errors: result.failed,
    per_s: good / (result.elapsed_ms / 1_000),
    added_ms: percentiles(result.latencies_ms.map((latency_ms) => latency_ms - MODEL_MS)),
    cpu_ms_per_request: cpu_ms / Math.max(1, good),
    processes: [...usage].map(([process, one]) => ({
      process,
      cpu_ms_per_request: one.cpu_ms / Math.max(1, good),
      resident_mib_max: one.resident_mib_max,
    })),
  };
}

/** Memory of each process while many requests wait: the mock takes two seconds an answer, so that they really do. */
async function benchWaiting(count: number): Promise<Report["memory"]> {
  console.error(`bench: memory with ${count} waiting`);
  const client = await topicClient(stack.parts.urls.kafka, "llm.requests", "llm.results");
  try {
    const sampler = sample(stack.processes());
    for (let start = 0; start < count; start += 1_000) {
      const chunk = Array.from({ length: Math.min(1_000, count - start) }, (_, at) => `wait-${start + at}`);
      await client.send(chunk.map((id) => ({ key: id, value: body(id, { mock_latency_ms: "2000" }) })));
    }
    await new Promise((resolve) => setTimeout(resolve, WAITING_MS));
    return [...sampler.stop()].map(([process, { resident_mib_max }]) => ({ process, resident_mib_max }));
  } finally {
    await client.close();
  }
}

function prompt(id: string): string {
  return `Request ${id}: say in two sentences what a partition of a topic is, and why its order matters. ${"context ".repeat(40)}`;
}

function body(id: string, metadata?: Record<string, string>): Buffer {
  const messages = [{ role: "user", content: prompt(id) }];
  return Buffer.from(JSON.stringify({ tenant: "demo", id, body: { messages, ...(metadata ? { metadata } : {}) } }));
}

async function createTopics(prefix: string): Promise<void> {
  const kafka = createKafka({ brokers: [stack.parts.urls.kafka], client_id: "bench", log: silentLog });
  const admin = kafka.admin();
  await admin.connect();
  const topics = Array.from({ length: FLOOR_TOPICS }, (_, hop) => ({ topic: `${prefix}${hop}`, numPartitions: 4 }));
  await admin.createTopics({ topics, waitForLeaders: true });
  await admin.disconnect();
}
