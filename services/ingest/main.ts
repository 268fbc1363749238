/** Wires ingest: llm.requests in, llm.admitted, llm.outcomes and llm.dlq out. */
import { Counter } from "prom-client";
import { systemClock } from "../../libs/shared/clock.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { bothLanes, deadLetterWriter, joinGroup, observeConsumption, runService } from "../../libs/shared/service.ts";
import { createIngestHandler } from "./handler.ts";
import { RedisSeenStore } from "./seen.ts";

const HOUR_MS = 3_600_000;

await runService("ingest", process.env, async (context) => {
  const group = `${context.settings.consumption.group_prefix}ingest`;
  const { settings, names, codec, producer, metrics, log } = context;
  const redis = connectRedis(context.environment.redis_url, context.instance, log);
  await untilAvailable(context.retry, "redis", () => redisReady(redis, 1_000));
  const outcomes = new Counter({
    name: "sluice_ingest_requests_total",
    help: "Requests read, by what became of them",
    labelNames: ["outcome"],
    registers: [metrics],
  });
  const handler = createIngestHandler({
    codec,
    publisher: producer,
    seen: new RedisSeenStore(redis, settings.ingest.seen_ttl_hours * HOUR_MS),
    clock: systemClock,
    names,
    dead_letters: deadLetterWriter(context, group),
    knowsTenant: (tenant) => Object.hasOwn(settings.tenants, tenant),
    count: (outcome) => outcomes.inc({ outcome }),
  });
  const consumption = await joinGroup(context, {
    group,
    topics: bothLanes(names, names.requests),
    order: "fetch",
    commit_by: "engine",
    max_in_flight: 1,
    batch_records_max: settings.consumption.batch_records_max,
    handler,
  });
  observeConsumption(context, new Map([[group, consumption]]));
  return {
    ready: async () => [
      ...(consumption.joined ? [] : ["not yet a member of its group"]),
      ...(redis.status === "ready" ? [] : ["redis is away"]),
    ],
    async stop() {
      await consumption.drain(settings.consumption.drain_deadline_ms);
      redis.disconnect();
    },
  };
});
