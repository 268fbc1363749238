/** Wires ingest: llm.requests and llm.retry.* in, llm.admitted, llm.outcomes and llm.dlq out. */
import { Counter } from "prom-client";
import { systemClock } from "../../libs/shared/clock.ts";
import { parseDelay } from "../../libs/shared/events/redelivery.ts";
import type { Consumption } from "../../libs/shared/kafka/consumption.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import {
  bothLanes,
  deadLetterWriter,
  joinGroup,
  observeConsumption,
  runService,
  type ServiceContext,
} from "../../libs/shared/service.ts";
import { createIngestHandler, type IngestDeps } from "./handler.ts";
import { createReentryHandler, REENTRY_IN_FLIGHT_MAX } from "./reentry.ts";
import { RedisSeenStore } from "./seen.ts";

const HOUR_MS = 3_600_000;

await runService("ingest", process.env, async (context) => {
  const group = `${context.settings.consumption.group_prefix}ingest`;
  const { settings, names, metrics, log } = context;
  const redis = connectRedis(context.environment.redis_url, context.instance, log, settings.redis.key_prefix);
  await untilAvailable(context.retry, "redis", () => redisReady(redis, 1_000));
  const outcomes = new Counter({
    name: "sluice_ingest_requests_total",
    help: "Requests read, by what became of them and where they were read: first, or the retry topic's delay",
    labelNames: ["outcome", "entry"],
    registers: [metrics],
  });
  const seen = new RedisSeenStore(redis, settings.ingest.seen_ttl_hours * HOUR_MS);
  const depsOf = (of_group: string, entry: string): IngestDeps => ({
    codec: context.codec,
    publisher: context.producer,
    seen,
    clock: systemClock,
    names,
    dead_letters: deadLetterWriter(context, of_group),
    knowsTenant: (tenant) => Object.hasOwn(settings.tenants, tenant),
    reentry: entry !== "first",
    count: (outcome) => outcomes.inc({ outcome, entry }),
  });
  const first = joinGroup(context, {
    group,
    topics: bothLanes(names, names.requests),
    order: "fetch",
    commit_by: "engine",
    max_in_flight: 1,
    batch_records_max: settings.consumption.batch_records_max,
    handler: createIngestHandler(depsOf(group, "first")),
  });
  const delays = settings.topics.retry_delays;
  const groups = [group, ...delays.map((delay) => `${group}.retry.${delay}`)];
  const reentries = delays.map((delay, index) => {
    const of_group = groups[index + 1] as string;
    return joinReentry(context, of_group, delay, depsOf(of_group, delay));
  });
  const consumptions = await Promise.all([first, ...reentries]);
  observeConsumption(context, new Map(groups.map((name, index) => [name, consumptions[index] as Consumption])));
  return {
    ready: async () => [
      ...(consumptions.every(({ joined }) => joined) ? [] : ["not yet a member of its group"]),
      ...(redis.status === "ready" ? [] : ["redis is away"]),
    ],
    async stop() {
      await Promise.all(consumptions.map((one) => one.drain(settings.consumption.drain_deadline_ms)));
      redis.disconnect();
    },
  };
});

function joinReentry(context: ServiceContext, group: string, delay: string, deps: IngestDeps): Promise<Consumption> {
  const { delay_ms } = parseDelay(delay);
  const enter = createIngestHandler(deps);
  return joinGroup(withShare(context), {
    group,
    topics: { [context.names.retry(delay)]: "interactive" },
    order: "fetch",
    commit_by: "engine",
    max_in_flight: REENTRY_IN_FLIGHT_MAX,
    batch_records_max: 1,
    handler: createReentryHandler({ clock: systemClock, delay_ms, enter }),
  });
}

/** The retry topics together hold as many bytes as one other group may: their records only wait. */
function withShare(context: ServiceContext): ServiceContext {
  const { consumption, topics } = context.settings;
  const share = (bytes: number): number => Math.ceil(bytes / topics.retry_delays.length);
  const limits = {
    queued_bytes_max: share(consumption.queued_bytes_max),
    in_flight_bytes_max: share(consumption.in_flight_bytes_max),
  };
  return { ...context, settings: { ...context.settings, consumption: { ...consumption, ...limits } } };
}
