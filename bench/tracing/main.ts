/**
 * What traces cost: the same pipeline twice on the same parts, one with traces to a receiver and one without, loaded in turns so that
 * whatever else the machine does meets both. `npm run bench:tracing -- --help`.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { closedLoop } from "../support/load.ts";
import { sample } from "../support/processes.ts";
import { render, type ScenarioReport } from "../support/report.ts";
import { ownSettings, WITHOUT_CACHE } from "../support/settings.ts";
import { type BenchStack, startBenchStack } from "../support/stack.ts";
import { topicClient } from "../support/topic-client.ts";
import { type Round, reportOf } from "./report.ts";

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const WARM_UP_MS = 8_000;

const flags = new Command("bench:tracing")
  .description("Throughput from topic to result, with every request traced and with none, in turns.")
  .option("--seconds <n>", "length of each measured run", "20")
  .option("--rounds <n>", "runs of each", "5")
  .option("--in-flight <n>", "requests kept in flight", "128")
  .option("--sampler <name>", "OTEL_TRACES_SAMPLER of the one that traces", "parentbased_always_on")
  .option("--share <n>", "OTEL_TRACES_SAMPLER_ARG", "1")
  .option("--json", "print the figures as JSON instead of a table")
  .addHelpText("after", "\nExamples:\n  npm run bench:tracing\n  npm run bench:tracing -- --seconds 5 --rounds 2")
  .parse()
  .opts<{ seconds: string; rounds: string; inFlight: string; sampler: string; share: string; json?: boolean }>();

const duration_ms = Number(flags.seconds) * 1_000;
const in_flight = Number(flags.inFlight);
const settings = ownSettings(ROOT, { cache: WITHOUT_CACHE });
const target = await openTarget();
const rounds: Round[] = [];
try {
  // One after the other: both together would share the machine's memory and Kafka's background work.
  for (let round = 0; round < Number(flags.rounds); round += 1) {
    const order = round % 2 === 0 ? (["off", "on"] as const) : (["on", "off"] as const);
    for (const tracing of order) rounds.push(await measured(tracing));
  }
  const report: ScenarioReport = reportOf(rounds);
  console.log(flags.json ? JSON.stringify({ ...report, rounds }, null, 2) : render(report));
} finally {
  await target.stop();
  settings.remove();
}

async function measured(tracing: "on" | "off"): Promise<Round> {
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: target.url,
    OTEL_TRACES_SAMPLER: flags.sampler,
    OTEL_TRACES_SAMPLER_ARG: flags.share,
  };
  const stack = await startBenchStack({
    root: ROOT,
    name: "bench-tracing",
    settings_file: settings.file,
    env: tracing === "on" ? env : { OTEL_SDK_DISABLED: "true" },
  });
  try {
    console.error(`bench: tracing ${tracing}`);
    return { tracing, ...(await loaded(stack)) };
  } finally {
    await stack.stop();
  }
}

async function loaded(stack: BenchStack): Promise<Omit<Round, "tracing">> {
  const client = await topicClient(stack.parts.urls.kafka, "llm.requests", "llm.results");
  const shot = async (index: number): Promise<boolean> => {
    const id = `traced-${index}-${Math.round(performance.now() * 1_000)}`;
    const body = {
      messages: [{ role: "user", content: `Request ${id}: what is a partition? ${"context ".repeat(40)}` }],
    };
    const record = await client.ask(id, Buffer.from(JSON.stringify({ tenant: "demo", id, body })));
    return record.value?.includes('"status":"succeeded"') ?? false;
  };
  try {
    await closedLoop(in_flight, WARM_UP_MS, shot);
    const sampler = sample(stack.processes());
    const sent_bytes = target.bytes();
    const { latencies_ms, failed, elapsed_ms } = await closedLoop(in_flight, duration_ms, shot);
    const cpu_ms = [...sampler.stop()].reduce((sum, [, one]) => sum + one.cpu_ms, 0);
    const good = Math.max(1, latencies_ms.length);
    return {
      per_s: good / (elapsed_ms / 1_000),
      cpu_ms_per_request: cpu_ms / good,
      exported_bytes_per_request: (target.bytes() - sent_bytes) / good,
      failed,
    };
  } finally {
    await client.close();
  }
}

/** Reads and forgets: a receiver is another machine's work, and this one has its cores to itself. The tests have a real one. */
async function openTarget(): Promise<{ readonly url: string; bytes(): number; stop(): Promise<void> }> {
  let bytes = 0;
  const server: Server = createServer((request, reply) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.once("end", () => reply.writeHead(200).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bytes: () => bytes,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
