/**
 * A pipeline of a test's own on the run's parts: real processes, topics and groups under a prefix, a database, a settings file, API
 * keys. `startPipeline` in `before`, `stop` in `after`; its files are under `.sluice/test/pipelines/<name>` until the next run.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Kafka } from "kafkajs";
import pg from "pg";
import { openContext, registerSchemas } from "../../cli/context.ts";
import { adminKey, demoKey, prepare } from "../../cli/prepare.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { RegistryCodec } from "../../libs/shared/events/registry.ts";
import type { KeyRecord, KeyScope } from "../../libs/shared/events/tenants.ts";
import { type TopicNames, topicNames } from "../../libs/shared/events/topics.ts";
import { inspectTopics } from "../../libs/shared/kafka/inspect.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { planTopics } from "../../libs/shared/kafka/topology.ts";
import { hashKey, KEY_RANDOM_BYTES, keyId, makeKey } from "../../libs/shared/keys.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import type { StatsSnapshot } from "../../tools/mock-llm/stats.ts";
import { endLeftovers } from "../../tools/stack/child.ts";
import { openHome } from "../../tools/stack/home.ts";
import { silentProgress } from "../../tools/stack/progress.ts";
import { ownSecrets } from "../../tools/stack/secrets.ts";
import { ALL_SERVICES, SERVICE_NAMES, type ServiceName } from "../../tools/stack/services.ts";
import { createProcesses, type Processes } from "./pipeline/processes.ts";
import { type SettingsChanges, writeSettings } from "./pipeline/settings.ts";
import { resultsById, TopicLog } from "./pipeline/topic-log.ts";
import { until } from "./until.ts";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PART_VARIABLES = ["KAFKA_BROKERS", "SCHEMA_REGISTRY_URL", "REDIS_URL", "DATABASE_URL"] as const;
const KEPT_VARIABLES = ["PATH", "HOME", "TMPDIR", "TZ", "NODE_COMPILE_CACHE", "SLUICE_EMBEDDING_MODEL_DIR"];
/** A secret that no log may show. */
export const MODEL_API_KEY = "sk-e2e-9f8e7d6c5b4a3f2e1d0c";
const LEFTOVER_WAIT_MS = 10_000;

export type PipelineOptions = {
  /** Of the test file, unique among them: names its folder, topics and groups. */
  readonly name: string;
  /** Addresses of the parts; by default those that the test run was given. */
  readonly parts?: Readonly<Record<string, string>>;
  readonly settings?: SettingsChanges;
  /** Instances of each service; one where it says nothing, of replay and scaler none, and 0 starts none. */
  readonly scale?: Partial<Record<ServiceName, number>>;
  readonly mock_args?: readonly string[];
  /** Variables of the services beside the usual ones: addresses and keys of further endpoints. */
  readonly env?: Readonly<Record<string, string>>;
  readonly log_level?: "debug" | "info";
};

/** A record to produce. Objects become JSON. */
export type Produced = {
  readonly value: Buffer | string | object | null;
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** `llm.requests` unless it says otherwise. */
  readonly topic?: string;
  readonly partition?: number;
};

export type Pipeline = {
  readonly processes: Processes;
  readonly settings: Settings;
  readonly names: TopicNames;
  readonly kafka: Kafka;
  readonly codec: RegistryCodec;
  readonly env: Readonly<Record<string, string>>;
  readonly gateway_url: string;
  readonly mock_url: string;
  /** The demo tenant's. */
  readonly api_key: string;
  /** Of the demo tenant too, with every scope. */
  readonly admin_key: string;
  /** Followed since the start. */
  readonly results: TopicLog;
  readonly dlq: TopicLog;
  /** An id that no other test of the run uses. */
  id(name: string): string;
  /** Waits for Kafka where it is away: then a record may come twice, as from any client. */
  produce(records: readonly Produced[]): Promise<void>;
  /** Waits until every id has a Result, and returns all Results by id. */
  resultsOf(ids: readonly string[], wait_ms?: number): Promise<Map<string, Result[]>>;
  /** Waits until this many dead letters are there. */
  deadLetters(count: number): Promise<readonly InRecord[]>;
  /** Waits until every group has worked off its topics, so that nothing more can come. */
  settled(): Promise<void>;
  /** Rows in Postgres. */
  rows(): Promise<number>;
  createKey(tenant: string, scopes?: readonly KeyScope[]): Promise<string>;
  mockStats(): Promise<StatsSnapshot>;
  /** Ids with at least `min` model calls, with their number. */
  calls(min: number): Promise<readonly { readonly id: string; readonly calls: number }[]>;
  setMock(behaviour: Readonly<Record<string, unknown>>): Promise<void>;
  /** What a process wrote to its log. */
  log(name: string): string;
  stop(): Promise<void>;
};

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const dir = join(ROOT, ".sluice", "test", "pipelines", options.name);
  await endLeftovers(openHome(ROOT, dir), LEFTOVER_WAIT_MS);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const home = openHome(ROOT, dir);
  const tag = `${options.name}-${randomBytes(3).toString("hex")}`;
  const { file, settings } = writeSettings(ROOT, dir, `${tag}.`, options.settings ?? {});
  const parts = options.parts ?? givenParts();
  const database_url = await createDatabase(parts["DATABASE_URL"] ?? "", tag);
  const env: Record<string, string> = {
    ...pick(process.env, KEPT_VARIABLES),
    ...parts,
    DATABASE_URL: database_url,
    ...ownSecrets(home, {}),
    SLUICE_SETTINGS: file,
    SLUICE_LOG_LEVEL: options.log_level ?? "info",
    OPENAI_API_KEY: MODEL_API_KEY,
    ...options.env,
  };
  const processes = createProcesses(ROOT, home, env);
  try {
    const mock_url = await processes.startMock(options.mock_args ?? ["--ttft-ms", "5"]);
    env["OPENAI_BASE_URL"] = `${mock_url}/v1`;
    await prepare({
      root: ROOT,
      dir,
      endpoints: {
        kafka: "",
        schema_registry: "",
        redis: "",
        postgres: "",
        gateway: null,
        console: null,
        mock_llm: null,
      },
      env: { ...env, SLUICE_LOG_LEVEL: "error" },
      settings_path: file,
      progress: silentProgress(),
      signal: new AbortController().signal,
    });
    await Promise.all(instances(options.scale ?? {}).map((name) => processes.start(name)));
    return await assemble({ tag, dir, env, settings, processes, mock_url, logs: home.logs });
  } catch (error) {
    await processes.stopAll();
    throw error;
  }
}

type Assembly = {
  readonly tag: string;
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly settings: Settings;
  readonly processes: Processes;
  readonly mock_url: string;
  readonly logs: string;
};

async function assemble({ tag, dir, env, settings, processes, mock_url, logs }: Assembly): Promise<Pipeline> {
  const context = await openContext({ ...env, SLUICE_LOG_LEVEL: "silent" });
  const { kafka, codec } = context;
  const names = topicNames(settings.topics.prefix);
  const producer = new BatchingProducer(kafka, settings.producer);
  const results = new TopicLog(kafka, names.results);
  const dlq = new TopicLog(kafka, names.dlq);
  const pool = new pg.Pool({ connectionString: env["DATABASE_URL"], max: 1 });
  pool.on("error", () => undefined);
  await Promise.all([producer.connect(), results.start(), dlq.start(), registerSchemas(context)]);
  const retry = {
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    policy: { base_ms: 100, cap_ms: 2_000 },
  };
  const produce: Pipeline["produce"] = (records) =>
    untilAvailable(retry, "produce", () =>
      producer.publish(
        records.map(({ value, key = null, topic = names.requests, headers = {}, partition }) => ({
          topic,
          key,
          value: bytesOf(value),
          headers,
          ...(partition === undefined ? {} : { partition }),
        })),
      ),
    );
  return {
    processes,
    settings,
    names,
    kafka,
    codec,
    env,
    mock_url,
    results,
    dlq,
    api_key: await demoKey(dir),
    admin_key: await adminKey(dir),
    gateway_url: processes.names().includes("gateway") ? processes.url("gateway") : "",
    id: (name) => `${tag}-${name}`,
    produce,
    async resultsOf(ids, wait_ms) {
      const seen = resultsById([]);
      let read = 0;
      await results.until(
        () => {
          resultsById(results.records.slice(read), seen);
          read = results.records.length;
          return ids.every((id) => seen.has(id));
        },
        () => `${ids.filter((id) => !seen.has(id)).length} of ${ids.length} results`,
        wait_ms,
      );
      return seen;
    },
    async deadLetters(count) {
      const { records } = dlq;
      await dlq.until(
        () => records.length >= count,
        () => `${count - records.length} of ${count} dead letters`,
      );
      return records;
    },
    settled: () => untilSettled(kafka, settings),
    async rows() {
      const { rows } = await pool.query("SELECT count(*)::int AS count FROM sluice_results");
      return rows[0].count as number;
    },
    async createKey(tenant, scopes = ["submit", "read"]) {
      const { key } = makeKey(randomBytes(KEY_RANDOM_BYTES));
      const id = keyId(key) ?? "";
      const record: KeyRecord = {
        kind: "key",
        id,
        tenant,
        hash: hashKey(key),
        scopes: [...scopes],
        created_ms: Date.now(),
      };
      const value = codec.encode(names.tenants, Buffer.from(JSON.stringify(record)));
      await produce([{ topic: names.tenants, key: `key:${id}`, value }]);
      if (processes.names().includes("gateway")) await untilKnown(`${processes.url("gateway")}/v1/models`, key);
      return key;
    },
    mockStats: async () => (await getJson(`${mock_url}/stats`)) as StatsSnapshot,
    async calls(min) {
      const { ids } = (await getJson(`${mock_url}/stats/calls?min=${min}&limit=100000`)) as {
        ids: { id: string; calls: number }[];
      };
      return ids;
    },
    async setMock(behaviour) {
      const response = await fetch(`${mock_url}/mock/faults`, { method: "POST", body: JSON.stringify(behaviour) });
      if (!response.ok) throw new Error(`the mock refused: ${await response.text()}`);
    },
    log: (name) => readFileSync(join(logs, `${name}.log`), "utf8"),
    async stop() {
      await Promise.allSettled([results.stop(), dlq.stop(), producer.close(), pool.end()]);
      await processes.stopAll();
    },
  };
}

/** The gateway reads new keys from their topic. */
function untilKnown(url: string, key: string): Promise<unknown> {
  return until("the gateway knows the key", async () => {
    const { status } = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    return status !== 401;
  });
}

/** Twice the same picture without lag: between two services a record may be on its way. */
async function untilSettled(kafka: Kafka, settings: Settings): Promise<void> {
  const options = {
    plans: planTopics(settings),
    topic_prefix: settings.topics.prefix,
    group_prefix: settings.consumption.group_prefix,
  };
  let last = "";
  await until("all work is done", async () => {
    const reports = await inspectTopics(kafka, options);
    const behind = reports.flatMap(({ groups }) => groups).reduce((sum, { lag }) => sum + lag, 0);
    const picture = JSON.stringify(reports.map(({ topic, records }) => [topic, records]));
    const same = picture === last;
    last = picture;
    return behind === 0 && same;
  });
}

function instances(scale: Partial<Record<ServiceName, number>>): string[] {
  const usual: readonly string[] = SERVICE_NAMES;
  return ALL_SERVICES.flatMap((service) =>
    Array.from({ length: scale[service] ?? (usual.includes(service) ? 1 : 0) }, (_, index) =>
      index === 0 ? service : `${service}-${index + 1}`,
    ),
  );
}

function givenParts(): Record<string, string> {
  const given = pick(process.env, PART_VARIABLES);
  const missing = PART_VARIABLES.filter((name) => given[name] === undefined);
  if (missing.length > 0) throw new Error(`${missing.join(", ")} not set: run this by \`npm test -- <file>\``);
  return given;
}

function pick(env: Readonly<Record<string, string | undefined>>, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A database of the pipeline's own beside the one given; returns its URL. */
async function createDatabase(url: string, tag: string): Promise<string> {
  const name = tag.replaceAll("-", "_");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`CREATE DATABASE ${name}`);
  } finally {
    await client.end();
  }
  const own = new URL(url);
  own.pathname = `/${name}`;
  return own.href;
}

function bytesOf(value: Produced["value"]): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value;
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}

/** Every file that a pipeline's processes wrote, by process name. */
export function allLogs(name: string): Map<string, string> {
  const logs = join(ROOT, ".sluice", "test", "pipelines", name, "logs");
  const files = readdirSync(logs).filter((file) => file.endsWith(".log"));
  return new Map(files.map((file) => [file.replace(/\.log$/, ""), readFileSync(join(logs, file), "utf8")]));
}
