/** Wires the gateway: HTTP in, llm.requests out, results back by one Redis subscription. */
import type { AddressInfo } from "node:net";
import { Gauge } from "prom-client";
import { appealDeps, appealOf } from "../../libs/shared/appeals/appeals.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { readKeyChange } from "../../libs/shared/events/key-records.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import { connectPostgres } from "../../libs/shared/postgres/client.ts";
import { findResult } from "../../libs/shared/postgres/results.ts";
import { connectRedis, redisReady, withRedis } from "../../libs/shared/redis/client.ts";
import { RedisIdempotency } from "../../libs/shared/redis/idempotency-store.ts";
import { parseReply, RedisJobViews, replyChannel } from "../../libs/shared/redis/job-views.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { runService } from "../../libs/shared/service.ts";
import { KeyRing } from "./keys.ts";
import { createGateway } from "./server.ts";
import { WaitingCallers } from "./waiting.ts";

const HOUR_MS = 3_600_000;
const POSTGRES_CONNECTIONS = 4;

await runService("gateway", process.env, async (context) => {
  const { settings, environment, names, codec, producer, metrics, log, retry, instance } = context;
  const redis = connectRedis(environment.redis_url, instance, log, settings.redis.key_prefix);
  const subscription = connectRedis(environment.redis_url, `${instance}-replies`, log, settings.redis.key_prefix);
  const pool = connectPostgres(environment.database_url, instance, POSTGRES_CONNECTIONS, log);
  const keys = new KeyRing();
  const tenants = new TopicReader(context.kafka, {
    topic: names.tenants,
    from: { kind: "beginning" },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const change = await readKeyChange(codec, record);
        if (change !== undefined) keys.apply(change);
      }
    },
  });
  const waiting = new WaitingCallers(systemClock);
  subscription.on("message", (_channel, message) => waiting.deliver(parseReply(message)));
  await Promise.all([
    untilAvailable(retry, "redis", () => redisReady(redis, 1_000)),
    untilAvailable(retry, "redis", async () => {
      await redisReady(subscription, 1_000);
      await withRedis(() => subscription.subscribe(replyChannel(instance)));
    }),
    untilAvailable(retry, names.tenants, () => tenants.start()),
  ]);
  new Gauge({
    name: "sluice_in_flight",
    help: "Callers waiting for their result",
    registers: [metrics],
    collect() {
      this.set(waiting.count);
    },
  });
  const redisIsThere = (): boolean => redis.status === "ready" && subscription.status === "ready";
  const ready = async (): Promise<string[]> => [
    ...(producer.healthy ? [] : ["kafka is away"]),
    ...(tenants.caught_up ? [] : ["the API keys are not read yet"]),
    ...(redisIsThere() ? [] : ["redis is away"]),
  ];
  const appeals = appealDeps(context, pool);
  const app = createGateway({
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
    findResult: async (tenant, id) => (await findResult(pool, tenant, id))?.result,
    appealOf: (...of) => appealOf(appeals, ...of),
    clock: systemClock,
    log,
    metrics,
    ready,
  });
  await app.listen({ host: environment.host, port: environment.port });
  log.info({ port: (app.server.address() as AddressInfo).port }, "listening");
  return {
    ready,
    async stop() {
      // Callers get an answer that says where to ask, then the connections close.
      waiting.release();
      await app.close();
      await tenants.stop();
      redis.disconnect();
      subscription.disconnect();
      await pool.end();
    },
  };
});
