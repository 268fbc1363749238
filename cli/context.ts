/** What a verb works with: the settings, and the addresses of a running Sluice, from the environment or `.sluice/run.json`. */
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Kafka } from "kafkajs";
import { systemClock } from "../libs/shared/clock.ts";
import { type Environment, readEnvironment } from "../libs/shared/config/environment.ts";
import { loadSettings } from "../libs/shared/config/load.ts";
import type { Settings } from "../libs/shared/config/schema.ts";
import { SluiceError } from "../libs/shared/errors.ts";
import { RegistryCodec } from "../libs/shared/events/registry.ts";
import { type TopicNames, topicEvents, topicNames } from "../libs/shared/events/topics.ts";
import { createKafka } from "../libs/shared/kafka/client.ts";
import { createLog, type Log } from "../libs/shared/log.ts";
import { type RunState, readRunState } from "../tools/stack/run-file.ts";

/** The checkout's root. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

export type Env = Readonly<Record<string, string | undefined>>;

export type CliContext = {
  readonly environment: Environment;
  readonly settings: Settings;
  readonly names: TopicNames;
  readonly kafka: Kafka;
  readonly codec: RegistryCodec;
  readonly log: Log;
};

/** @throws `not_running` when nothing says where Sluice runs; `settings_invalid` for a bad settings file. */
export async function openContext(env: Env, overrides: Env = {}): Promise<CliContext> {
  const known = { ...runFileAddresses(env), ...defined(env), ...defined(overrides) };
  if (known["KAFKA_BROKERS"] === undefined) {
    throw new SluiceError("not_running", "no running Sluice was found", {
      fix: "Run `npm start` in another terminal, or set KAFKA_BROKERS, SCHEMA_REGISTRY_URL, REDIS_URL and DATABASE_URL.",
    });
  }
  const environment = readEnvironment({ SLUICE_SETTINGS: join(ROOT, "sluice.yaml"), ...known });
  const settings = await loadSettings(environment.settings_file);
  // Standard output is for what was asked: scripts read it.
  const log = createLog("cli", env["SLUICE_LOG_LEVEL"] === undefined ? "error" : environment.log_level, process.stderr);
  return {
    environment,
    settings,
    names: topicNames(settings.topics.prefix),
    kafka: createKafka({ ...environment.kafka, client_id: "sluice-cli", log }),
    codec: new RegistryCodec({
      ...environment.registry,
      record_bytes_max: settings.topics.record_bytes_max,
      now_ms: systemClock.now_ms,
    }),
    log,
  };
}

/** Registers (or finds) the schemas, so that the codec can write every event. */
export async function registerSchemas({ codec, settings }: CliContext): Promise<void> {
  const topics = topicEvents(settings.topics.prefix, Object.keys(settings.tiers));
  await codec.register(topics, settings.schema_registry.compatibility);
}

/** Where `up` keeps its files: `SLUICE_DIR`, else `.sluice` in the checkout. */
export function stateDir(env: Env): string {
  return resolve(env["SLUICE_DIR"] ?? join(ROOT, ".sluice"));
}

/** What a running `up` says of itself; undefined where none runs (what a crashed one left behind does not count). */
export function runState(env: Env): RunState | undefined {
  const dir = stateDir(env);
  return readRunState(join(dir, "run.json"), join(dir, "lock"));
}

/** Addresses of the stack that `up` started, as environment variables. */
function runFileAddresses(env: Env): Record<string, string> {
  const endpoints = runState(env)?.endpoints;
  if (endpoints === undefined) return {};
  const { kafka, schema_registry, redis, postgres } = endpoints;
  return { KAFKA_BROKERS: kafka, SCHEMA_REGISTRY_URL: schema_registry, REDIS_URL: redis, DATABASE_URL: postgres };
}

function defined(env: Env): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
