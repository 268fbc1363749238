/** Wires inference: one consumer group per tier, llm.jobs.<tier> in, llm.outcomes out. `SLUICE_TIERS` names the tiers served. */
import { systemClock } from "../../libs/shared/clock.ts";
import type { TierSettings } from "../../libs/shared/config/schema.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import { priceList } from "../../libs/shared/prices.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { requestStates } from "../../libs/shared/redis/request-states.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { observeConsumption, runService, type ServiceContext } from "../../libs/shared/service.ts";
import { EndpointClients } from "./endpoint-clients.ts";
import { AttemptLedger } from "./ledger/ledger.ts";
import { RedisAttemptStore } from "./ledger/redis-store.ts";
import { InferenceMetrics } from "./metrics.ts";
import { Cancellations } from "./streaming/cancellations.ts";
import { controlReader } from "./streaming/control-reader.ts";
import { RedisTokenStreams, redisStreamCommands } from "./streaming/token-stream.ts";
import { startTier } from "./tier.ts";

/** The tiers that this process serves: all of them, unless the environment names some. */
function tiersServed(
  tiers: Readonly<Record<string, TierSettings>>,
  wanted: string | undefined,
): [string, TierSettings][] {
  const names = wanted?.split(",").map((name) => name.trim()) ?? Object.keys(tiers);
  return names.map((name) => {
    const tier = tiers[name];
    if (tier !== undefined) return [name, tier];
    throw new SluiceError("settings_invalid", `SLUICE_TIERS names "${name}", which is no tier`, {
      fix: `Known tiers are ${Object.keys(tiers).join(", ")}.`,
    });
  });
}

/** Signs of life, so that another worker can tell a call that is under way from one that died with its worker. */
function keepAlive(store: RedisAttemptStore, { instance, settings, log }: ServiceContext): NodeJS.Timeout {
  const { alive_ttl_ms } = settings.inference.ledger;
  const beat = (): void => {
    store.beat(instance, alive_ttl_ms).catch((error: unknown) => log.debug({ error }, "no sign of life was given"));
  };
  beat();
  return setInterval(beat, alive_ttl_ms / 3);
}

await runService("inference", process.env, async (context) => {
  const { settings, names, codec, metrics: registry, retry, log, instance } = context;
  const redis = connectRedis(context.environment.redis, instance, log, settings.redis.key_prefix);
  await untilAvailable(retry, "redis", () => redisReady(redis, 1_000));
  const metrics = new InferenceMetrics(registry);
  const clients = new EndpointClients(settings, process.env);
  const cancellations = new Cancellations(systemClock);
  const control = controlReader({ kafka: context.kafka, topic: names.control, codec, cancellations, retry });
  await untilAvailable(retry, names.control, () => control.start());
  const streams = new RedisTokenStreams(redisStreamCommands(redis), {
    settings: settings.inference.stream,
    key_prefix: settings.redis.key_prefix,
    clock: systemClock,
    dropped: (events) => metrics.tokenEventsDropped(events),
  });
  const store = new RedisAttemptStore(redis);
  const ledger = new AttemptLedger({
    store,
    clock: systemClock,
    retry,
    settings: settings.inference.ledger,
    instance,
    counted: (counts) => metrics.unknown(counts),
  });
  const alive = keepAlive(store, context);
  const parts = {
    context,
    redis,
    clients,
    prices: priceList(settings.prices, settings.admission.unknown_price),
    ledger,
    cancellations,
    streams,
    tell: requestStates(redis, settings).quietly(log),
    metrics,
  };
  const served = tiersServed(settings.tiers, process.env["SLUICE_TIERS"]);
  const tiers = new Map(
    await Promise.all(served.map(async ([tier, options]) => [tier, await startTier(parts, tier, options)] as const)),
  );
  observeConsumption(context, new Map([...tiers.values()].map(({ group, consumption }) => [group, consumption])));
  metrics.observePools(new Map([...tiers].map(([tier, { pool }]) => [tier, pool])));
  return {
    tiers: [...tiers.keys()],
    ready: async () => [
      ...[...tiers.values()].flatMap(({ consumption, group }) =>
        consumption.joined ? [] : [`not yet a member of ${group}`],
      ),
      ...(control.caught_up ? [] : [`${names.control} is not read to its end`]),
      ...(redis.status === "ready" ? [] : ["redis is away"]),
    ],
    async stop() {
      await Promise.all([...tiers.values()].map((tier) => tier.stop()));
      await control.stop();
      await streams.close();
      clearInterval(alive);
      await store.leave(instance).catch(() => undefined);
      redis.disconnect();
      await clients.close();
    },
  };
});
