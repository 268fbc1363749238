/**
 * What every service does around its work: read the settings, wait for the parts, serve health, join its groups, and drain on
 * SIGTERM. Wiring, used by each `main.ts`.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Kafka } from "kafkajs";
import { collectDefaultMetrics, Registry } from "prom-client";
import { BEAT_METRICS } from "./beats/beat.ts";
import { type Beating, startBeats } from "./beats/beating.ts";
import { sampleMetrics } from "./beats/sampling.ts";
import { systemClock } from "./clock.ts";
import { type Environment, readEnvironment } from "./config/environment.ts";
import { loadSettings } from "./config/load.ts";
import type { Settings } from "./config/schema.ts";
import { describe } from "./errors.ts";
import { type DeadLetterWriter, deadLetterOf } from "./events/dead-letters.ts";
import { RegistryCodec } from "./events/registry.ts";
import { type TopicNames, topicEvents, topicNames } from "./events/topics.ts";
import { type HealthReply, type HealthServer, type ReadinessCheck, serveHealth } from "./http/health.ts";
import { createKafka } from "./kafka/client.ts";
import { KafkaConsumer } from "./kafka/consumer.ts";
import { Consumption } from "./kafka/consumption.ts";
import type { ConsumptionLimits, ConsumptionOptions } from "./kafka/consumption-options.ts";
import { BatchingProducer } from "./kafka/producer.ts";
import { QueueRoom } from "./kafka/queue-room.ts";
import type { LaneName } from "./kafka/scheduler.ts";
import { createLog, type Log } from "./log.ts";
import { observeGroups } from "./metrics/consumption.ts";
import { observeDependencies } from "./metrics/dependencies.ts";
import { observeEventLoop } from "./metrics/event-loop.ts";
import { orderWaits } from "./metrics/waits.ts";
import { RedisBeatStore } from "./redis/beat-store.ts";
import { connectRedis, redisReady } from "./redis/client.ts";
import { type RetryContext, untilAvailable } from "./retry.ts";
import { type OpenTracing, openTracing } from "./tracing/open.ts";
import { traced } from "./tracing/traced-handler.ts";
import type { Tracing } from "./tracing/tracing.ts";

/** Everything a service is made from. */
export type ServiceContext = {
  readonly name: string;
  /** Tells processes of one service apart. */
  readonly instance: string;
  readonly environment: Environment;
  readonly settings: Settings;
  readonly names: TopicNames;
  readonly log: Log;
  readonly metrics: Registry;
  readonly kafka: Kafka;
  readonly producer: BatchingProducer;
  readonly codec: RegistryCodec;
  readonly retry: RetryContext;
  /** What all groups of the process together may hold queued. */
  readonly queue_room: QueueRoom;
  /** Left out where the environment does not ask for traces. */
  readonly tracing?: Tracing;
};

/** What a service gives back: how to tell that it can work, and how to end it. */
export type RunningService = {
  /** Problems in words; none when ready. */
  readonly ready: ReadinessCheck;
  /** Takes nothing new, finishes what is in hand within the settings' deadline, closes what it opened. */
  stop(): Promise<void>;
  /** True when the service serves health on its own server. */
  readonly serves_health?: boolean;
  /** Of an inference worker: the tiers that it serves. */
  readonly tiers?: readonly string[];
  /** What else is answered beside health; undefined for a path that is not known. */
  readonly answer?: (path: string) => HealthReply | undefined;
};

/** Runs a service until SIGTERM or SIGINT. Exits 1 with one line when the settings are wrong. */
export async function runService(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  start: (context: ServiceContext) => Promise<RunningService>,
): Promise<void> {
  let log: Log | undefined;
  try {
    const environment = readEnvironment(env);
    log = createLog(name, environment.log_level);
    await runUntilSignal(name, { environment, env }, log, start);
    process.exit(0);
  } catch (error) {
    if (log) log.error({ error }, "the service stops");
    process.stderr.write(`${name}: ${describe(error)}\n`);
    process.exit(1);
  }
}

async function runUntilSignal(
  name: string,
  {
    environment,
    env,
  }: { readonly environment: Environment; readonly env: Readonly<Record<string, string | undefined>> },
  log: Log,
  start: (context: ServiceContext) => Promise<RunningService>,
): Promise<void> {
  const signal = new Promise<string>((resolve) => {
    for (const each of ["SIGTERM", "SIGINT"] as const) process.once(each, () => resolve(each));
  });
  const settings = await loadSettings(environment.settings_file);
  const instance = `${name}-${randomUUID().slice(0, 8)}`;
  const open = await openTracing(env, { service: name, instance }, log);
  const context = createContext({ name, instance, environment, settings, log, open });
  let running: RunningService | undefined;
  let beating: Beating | undefined;
  const ready: ReadinessCheck = async () => (running === undefined ? ["starting"] : running.ready());

  // Health first: while parts are away the service is alive and not ready. The gateway's own server has both.
  let health: HealthServer | undefined;
  if (name !== "gateway") {
    health = await serveHealth(environment, ready, context.metrics, (path) => running?.answer?.(path));
    log.info({ url: health.url }, "serving health");
  }
  const started = connect(context)
    .then(() => start(context))
    .then((service) => {
      running = service;
      beating = beat(context, service.tiers ?? []);
      log.info({}, "started");
    });
  const first = await Promise.race([signal, started.then(() => undefined)]);
  const received = first ?? (await signal);
  log.info({ signal: received }, "draining");
  beating?.draining();
  await running?.stop();
  await beating?.stop();
  await context.producer.close().catch(() => undefined);
  await health?.close();
  await open?.close();
  log.info({}, "stopped");
}

/** Beats over a connection of its own, which nothing else waits for: Redis away, they are left out. */
function beat(
  { name, instance, environment, settings, log, metrics }: ServiceContext,
  tiers: readonly string[],
): Beating {
  const { beat_ms, beat_ttl_ms } = settings.observation;
  const redis = connectRedis(environment.redis, `${instance}-beats`, log, settings.redis.key_prefix);
  const process_of = { service: name, instance, host: hostname(), pid: process.pid, tiers };
  const beating = startBeats({
    clock: systemClock,
    log,
    store: new RedisBeatStore(redis, beat_ttl_ms),
    beat_ms,
    of: { ...process_of, started_ms: Math.round(systemClock.now_ms() - process.uptime() * 1_000) },
    async sample() {
      await redisReady(redis, 1_000);
      return sampleMetrics(metrics, BEAT_METRICS);
    },
  });
  return {
    draining: () => beating.draining(),
    async stop() {
      await beating.stop();
      redis.disconnect();
    },
  };
}

type Made = Pick<ServiceContext, "name" | "instance" | "environment" | "settings" | "log"> & {
  readonly open: OpenTracing | undefined;
};

function createContext({ name, instance, environment, settings, log, open }: Made): ServiceContext {
  const metrics = new Registry();
  metrics.setDefaultLabels({ service: name });
  collectDefaultMetrics({ register: metrics });
  observeEventLoop(metrics);
  observeDependencies(metrics);
  const kafka = createKafka({ ...environment.kafka, client_id: instance, log });
  return {
    name,
    instance,
    environment,
    settings,
    names: topicNames(settings.topics.prefix),
    log,
    metrics,
    kafka,
    producer: new BatchingProducer(kafka, settings.producer),
    codec: new RegistryCodec({
      ...environment.registry,
      record_bytes_max: settings.topics.record_bytes_max,
      now_ms: systemClock.now_ms,
    }),
    retry: { clock: systemClock, random: Math.random, log, policy: settings.consumption.retry },
    queue_room: new QueueRoom(settings.consumption.queued_bytes_max),
    ...(open === undefined ? {} : { tracing: open.tracing }),
  };
}

/** Waits for what every service needs. */
async function connect(context: ServiceContext): Promise<void> {
  const { retry, producer, codec, settings } = context;
  const topics = topicEvents(settings.topics.prefix, Object.keys(settings.tiers));
  await Promise.all([
    untilAvailable(retry, "kafka", () => producer.connect()),
    untilAvailable(retry, "schema registry", () => codec.register(topics, settings.schema_registry.compatibility)),
  ]);
}

export type GroupOptions = Pick<ConsumptionOptions, "handler" | "order" | "commit_by"> &
  Partial<Pick<ConsumptionOptions, "deadLetter" | "onLost" | "onAssigned" | "onCommitted">> & {
    readonly group: string;
    readonly topics: Readonly<Record<string, LaneName>>;
    readonly max_in_flight: number;
    readonly max_in_flight_by_lane?: ConsumptionLimits["max_in_flight_by_lane"];
    /** 1 for handlers of single records; the settings' batch size otherwise. */
    readonly batch_records_max: number;
    /** Each record is a hop on its request's way: where there are traces, it has a span. */
    readonly is_hop?: true;
    /** Instead of the settings', for a group that nobody waits for. */
    readonly fetch_pause_ms_max?: number;
  };

/** Joins a consumer group with the settings' limits; waits until the brokers are there. */
export async function joinGroup(context: ServiceContext, options: GroupOptions): Promise<Consumption> {
  const { consumption: limits } = context.settings;
  const log = context.log;
  const consumer = new KafkaConsumer(context.kafka, {
    group: options.group,
    topics: Object.keys(options.topics),
    log,
    clock: systemClock,
    session_timeout_ms: limits.session_timeout_ms,
    fetch_wait_ms: limits.fetch_wait_ms,
    fetch_partition_bytes_max: limits.fetch_partition_bytes_max,
    fetch_pause_ms_max: options.fetch_pause_ms_max ?? limits.fetch_pause_ms_max,
    patient: options.fetch_pause_ms_max !== undefined,
  });
  const writer = deadLetterWriter(context, options.group);
  const consumptionLimits: ConsumptionLimits = {
    ...limits,
    max_in_flight: options.max_in_flight,
    batch_records_max: options.batch_records_max,
    ...(options.max_in_flight_by_lane === undefined ? {} : { max_in_flight_by_lane: options.max_in_flight_by_lane }),
  };
  const consumption = new Consumption({
    deadLetter: async (record, error) => context.producer.publish([deadLetterOf(writer, record, error)]),
    ...options,
    handler: options.is_hop ? traced(context.tracing, { group: options.group, log }, options.handler) : options.handler,
    consumer,
    clock: systemClock,
    random: Math.random,
    log,
    lane_weights: limits.lane_weights,
    tenant_weight: (tenant) => tenantWeight(context.settings, tenant),
    room: context.queue_room,
    limits: consumptionLimits,
    onOrderWait: orderWaits(context.metrics),
  });
  await untilAvailable(context.retry, options.group, () => consumption.start());
  return consumption;
}

/** A tenant's turns, by its plan; 1 for one that the settings do not know. */
function tenantWeight({ tenants, plans }: Settings, tenant: string): number {
  if (!Object.hasOwn(tenants, tenant)) return 1;
  return plans[tenants[tenant]?.plan ?? ""]?.weight ?? 1;
}

export function deadLetterWriter(context: Pick<ServiceContext, "name" | "names">, group: string): DeadLetterWriter {
  return { service: context.name, group, topic: context.names.dlq };
}

/** A work topic and its batch twin, with their lanes. */
export function bothLanes(names: TopicNames, topic: string): Record<string, LaneName> {
  return { [topic]: "interactive", [names.batch(topic)]: "batch" };
}

/** What a service's groups have in hand, among its metrics. */
export function observeConsumption(context: ServiceContext, groups: ReadonlyMap<string, Consumption>): void {
  observeGroups(context.metrics, groups, systemClock);
}
