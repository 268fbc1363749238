/** A pipeline of a scenario's own, its topics seen from outside, and `sluice` as a process. */
import { randomBytes } from "node:crypto";
import type { Kafka } from "kafkajs";
import { ROOT } from "../../cli/context.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { topicNames } from "../../libs/shared/events/topics.ts";
import { unframe } from "../../libs/shared/events/wire.ts";
import { createKafka } from "../../libs/shared/kafka/client.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectPostgres, type Pool } from "../../libs/shared/postgres/client.ts";
import type { StatsSnapshot } from "../../tools/mock-llm/stats.ts";
import { embeddingModelDir, MODEL_DIR_VARIABLE } from "../../tools/stack/model.ts";
import type * as scenarios from "../support/scenarios.ts";
import { ownSettings } from "../support/settings.ts";
import { type BenchStack, startBenchStack } from "../support/stack.ts";
import { type Cli, cliWith } from "./cli.ts";

export type StackOptions = {
  /** Whole sections of the settings. */
  readonly sections?: Readonly<Record<string, unknown>>;
};

export type ReplayStack = BenchStack & {
  readonly kafka: Kafka;
  readonly pool: Pool;
  readonly names: ReturnType<typeof topicNames>;
  readonly settings_file: string;
  readonly sluice: Cli;
  produce(requests: readonly Asked[]): Promise<void>;
  /** Until every id has a Result; by id. @throws when they stop coming. */
  resultsOf(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, Result>>;
  /** All that a read_committed reader finds there now. */
  resultsOn(topic: string): Promise<readonly Result[]>;
  /** Records ever written, marks of transactions among them. */
  end(topic: string): Promise<number>;
  mock(): Promise<StatsSnapshot>;
};

export type Asked = { readonly id: string; readonly [field: string]: unknown };

export type Bench = scenarios.Bench<StackOptions, ReplayStack>;
export type Scenario = scenarios.Scenario<StackOptions, ReplayStack>;

export const TENANT = "demo";
const SECRET_KEY_BYTES = 32;
/** Who dies by SIGKILL is given up after so long. */
const LEASE_MS = 2_000;
/** Given up when not one more has come for so long: a busy machine is slow, and yet no fault. */
const NO_RESULT_MS = 180_000;

export async function startReplayStack(
  name: string,
  { sections = {} }: StackOptions,
  signal: AbortSignal,
): Promise<ReplayStack> {
  process.env["SLUICE_SECRET_KEY"] ||= randomBytes(SECRET_KEY_BYTES).toString("base64url");
  const settings = ownSettings(ROOT, { replay: { lease_ms: LEASE_MS }, ...sections });
  try {
    const started = { root: ROOT, name: `bench-replay-${name}`, settings_file: settings.file, signal };
    const stack = await startBenchStack({ ...started, scale: { replay: 0 } });
    // Settings that are tried may look at meaning where those in force do not.
    const dir = await embeddingModelDir({ root: ROOT, env: process.env, say: () => {}, signal });
    return await withTopics(stack, settings, dir === undefined ? {} : { [MODEL_DIR_VARIABLE]: dir });
  } catch (error) {
    settings.remove();
    throw error;
  }
}

async function withTopics(
  stack: BenchStack,
  settings: ReturnType<typeof ownSettings>,
  model: Readonly<Record<string, string>>,
): Promise<ReplayStack> {
  const names = topicNames("llm.");
  const kafka = createKafka({ brokers: stack.parts.urls.kafka.split(","), client_id: "bench", log: silentLog });
  const producer = new BatchingProducer(kafka, { request_records_max: 1_000, request_bytes_max: 4 * 1024 * 1024 });
  const admin = kafka.admin();
  const seen = new Map<string, Result>();
  const reader = new TopicReader(kafka, {
    ...{ topic: names.results, from: { kind: "beginning" }, until_end: false },
    records: (records) => {
      for (const record of records) {
        const result = resultOf(record.value);
        seen.set(result.id, result);
      }
    },
  });
  await Promise.all([producer.connect(), admin.connect(), reader.start()]);
  const pool = connectPostgres(stack.env["DATABASE_URL"] ?? "", "bench", 2, silentLog);
  return {
    ...stack,
    ...{
      kafka,
      pool,
      names,
      settings_file: settings.file,
      sluice: cliWith(ROOT, { ...stack.env, ...model, SLUICE_LOG_LEVEL: "silent" }),
    },
    produce: (requests) =>
      producer.publish(
        requests.map((one) => ({
          ...{ topic: names.requests, key: one.id, value: Buffer.from(JSON.stringify({ tenant: TENANT, ...one })) },
        })),
      ),
    async resultsOf(ids, signal) {
      let last = { seen: seen.size, at_ms: performance.now() };
      while (!ids.every((id) => seen.has(id))) {
        signal.throwIfAborted();
        const now_ms = performance.now();
        if (seen.size > last.seen) last = { seen: seen.size, at_ms: now_ms };
        if (now_ms - last.at_ms > NO_RESULT_MS) throw new Error("not every request has its Result, and no more come");
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      return new Map(ids.map((id) => [id, seen.get(id) as Result]));
    },
    async resultsOn(topic) {
      const results: Result[] = [];
      const all = new TopicReader(kafka, {
        ...{ topic, from: { kind: "beginning" }, until_end: true },
        records: (records) => void results.push(...records.map(({ value }) => resultOf(value))),
      });
      await all.start();
      await all.done;
      await all.stop();
      return results;
    },
    async end(topic) {
      const partitions = await admin.fetchTopicOffsets(topic);
      return partitions.reduce((sum, { high }) => sum + Number(high), 0);
    },
    mock: async () => (await (await fetch(`${stack.mock_url}/stats`)).json()) as StatsSnapshot,
    async stop() {
      await Promise.allSettled([reader.stop(), producer.close(), admin.disconnect(), pool.end()]);
      await stack.stop();
      settings.remove();
    },
  };
}

function resultOf(value: Buffer | null): Result {
  const framed = unframe(value ?? Buffer.alloc(0));
  if (framed.kind === "unreadable") throw new Error("a Result cannot be read");
  return JSON.parse(framed.payload.toString()) as Result;
}
