/** Wires the gateway: HTTP in, llm.requests out; results, states and tokens back by one Redis subscription. */
import type { AddressInfo } from "node:net";
import { Counter, Gauge } from "prom-client";
import { appealDeps, appealOf } from "../../libs/shared/appeals/appeals.ts";
import { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { readKeyChange } from "../../libs/shared/events/key-records.ts";
import { readTenantChange } from "../../libs/shared/events/tenant-records.ts";
import { openFileStorage } from "../../libs/shared/files/open.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import { findResult } from "../../libs/shared/postgres/results.ts";
import { connectRedis, redisReady, withRedis } from "../../libs/shared/redis/client.ts";
import { RedisIdempotency } from "../../libs/shared/redis/idempotency-store.ts";
import { parseReply, RedisJobViews, replyChannel } from "../../libs/shared/redis/job-views.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { runService, type ServiceContext } from "../../libs/shared/service.ts";
import { callbackCheck } from "../../libs/shared/webhooks/url-rules.ts";
import { closeGently } from "./closing.ts";
import { KeyRing } from "./keys.ts";
import { createOffers } from "./offers.ts";
import { createGateway } from "./server.ts";
import { RedisStreamReader } from "./streams/reader.ts";
import { EventStreams } from "./streams/sse.ts";
import { RedisWakes } from "./streams/wakes.ts";
import { WaitingCallers } from "./waiting.ts";

const HOUR_MS = 3_600_000;
const POSTGRES_CONNECTIONS = 4;

await runService("gateway", process.env, async (context) => {
  const { settings, environment, names, codec, producer, metrics, log, retry, instance } = context;
  const { key_prefix } = settings.redis;
  const redis = connectRedis(environment.redis, instance, log, key_prefix);
  const subscription = connectRedis(environment.redis, `${instance}-replies`, log, key_prefix);
  const pool = connectPostgres(environment.database_url, instance, POSTGRES_CONNECTIONS, log);
  const storage = await openFileStorage(environment.files_url);
  const keys = new KeyRing();
  const book = new TenantBook();
  const tenants = tenantsReader(context, keys, book);
  const waiting = new WaitingCallers(systemClock);
  const own_channel = replyChannel(instance);
  subscription.on("message", (channel, message) => {
    if (channel === own_channel) waiting.deliver(parseReply(message));
  });
  await Promise.all([
    untilAvailable(retry, "redis", () => redisReady(redis, 1_000)),
    untilAvailable(retry, "redis", async () => {
      await redisReady(subscription, 1_000);
      await withRedis(() => subscription.subscribe(own_channel));
    }),
    untilAvailable(retry, names.tenants, () => tenants.start()),
  ]);
  const stalled = new Counter({
    name: "sluice_streams_stalled_total",
    help: "Readers of streams that were cut off because they took nothing",
    registers: [metrics],
  });
  const streamSettings = { settings: settings.gateway.streams, clock: systemClock };
  const wakes = new RedisWakes(subscription, { ...streamSettings, key_prefix });
  // Streams of events can be resumed and end at once at a shutdown; those of chats cannot, and end last.
  const [chats, events] = [0, 1].map(() => new EventStreams({ ...streamSettings, stalled: () => stalled.inc() })) as [
    EventStreams,
    EventStreams,
  ];
  observe(context, { waiting, chats, events });
  const redisIsThere = (): boolean => redis.status === "ready" && subscription.status === "ready";
  const ready = async (): Promise<string[]> => [
    ...(producer.healthy ? [] : ["kafka is away"]),
    ...(tenants.caught_up ? [] : ["the API keys are not read yet"]),
    ...(redisIsThere() ? [] : ["redis is away"]),
  ];
  const appeals = appealDeps(context, pool);
  const requests = {
    instance,
    settings: settings.gateway,
    names,
    codec,
    publisher: producer,
    keys,
    waiting,
    views: new RedisJobViews(redis, settings.results.job_view_ttl_hours * HOUR_MS),
    idempotency: new RedisIdempotency(redis, settings.admission.idempotency_ttl_hours * HOUR_MS),
    redisReady: redisIsThere,
    findResult: async (tenant: string, id: string) => (await findResult(pool, tenant, id))?.result,
    clock: systemClock,
    log,
  };
  const reader = new RedisStreamReader(redis);
  const offers = createOffers(context, { requests, redis, pool, storage, book, wakes, reader, events });
  const app = createGateway({
    ...requests,
    callbackProblem: callbackCheck(settings.webhooks, environment.secret_key),
    appealOf: (...of) => appealOf(appeals, ...of),
    wakes,
    reader,
    streams: chats,
    metrics,
    ready,
    routes: offers.routes,
    ...(context.tracing === undefined ? {} : { tracing: context.tracing }),
  });
  await app.listen({ host: environment.host, port: environment.port });
  log.info({ port: (app.server.address() as AddressInfo).port }, "listening");
  return {
    ready,
    async stop() {
      const drain_ms = settings.consumption.drain_deadline_ms;
      await closeGently(app, { clock: systemClock, drain_ms, resumable: events, waiting, streams: chats });
      await offers.stop();
      await tenants.stop();
      redis.disconnect();
      subscription.disconnect();
      await pool.end();
    },
  };
});

/** API keys, and tenants as administrators changed them. */
function tenantsReader({ kafka, names, codec }: ServiceContext, keys: KeyRing, book: TenantBook): TopicReader {
  return new TopicReader(kafka, {
    topic: names.tenants,
    from: { kind: "beginning" },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const change = await readKeyChange(codec, record);
        if (change !== undefined) keys.apply(change);
        const tenant = await readTenantChange(codec, record);
        if (tenant !== undefined) book.apply(tenant);
      }
    },
  });
}

type Observed = { readonly waiting: WaitingCallers; readonly chats: EventStreams; readonly events: EventStreams };

function observe({ metrics, settings }: ServiceContext, { waiting, chats, events }: Observed): void {
  new Gauge({
    name: "sluice_in_flight",
    help: "Callers waiting for their result",
    registers: [metrics],
    collect() {
      this.set(waiting.count);
    },
  });
  new Gauge({
    name: "sluice_in_flight_limit",
    help: "Callers that may wait for their result at once",
    registers: [metrics],
  }).set(settings.gateway.waiting_max);
  new Gauge({
    name: "sluice_streams_open",
    help: "Streams that are open, by what they are of",
    labelNames: ["of"],
    registers: [metrics],
    collect() {
      this.set({ of: "chat" }, chats.count);
      this.set({ of: "events" }, events.count);
    },
  });
}
