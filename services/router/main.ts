/** Wires the router: llm.admitted in; llm.jobs.<tier> and llm.outcomes out. Beside it, views: the cache, rollouts, checks. */
import { systemClock } from "../../libs/shared/clock.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { requestStates } from "../../libs/shared/redis/request-states.ts";
import { untilAvailable } from "../../libs/shared/retry.ts";
import { guard } from "../../libs/shared/semantic/guard/guard.ts";
import { bothLanes, deadLetterWriter, joinGroup, observeConsumption, runService } from "../../libs/shared/service.ts";
import { startCache } from "./cache/parts.ts";
import { startChecks } from "./checks/parts.ts";
import { createRouterHandler } from "./handler.ts";
import { observeRouting } from "./metrics.ts";
import { startRollouts } from "./rollout/parts.ts";
import { loadRouting } from "./routing-parts.ts";
import { openSemantic } from "./semantic-parts.ts";
import { cacheCheck } from "./shadow/cache-checks.ts";

/** Requests handled at once: those that wait for an identical one among them, which `cache.coalesce.waiting_max` bounds by itself. */
const IN_FLIGHT_MAX = 1_000;

await runService("router", process.env, async (context) => {
  const { settings, names, codec, producer, retry, environment, instance, log, metrics } = context;
  const group = `${settings.consumption.group_prefix}router`;
  const redis = connectRedis(environment.redis, instance, log, settings.redis.key_prefix);
  await untilAvailable(retry, "redis", () => redisReady(redis, 1_000));
  const { embedder, verifier, base } = await openSemantic(context, process.env);
  const [rollouts, checks] = await Promise.all([
    startRollouts(context, redis),
    startChecks(context, { embedder, refuses: guard, base }),
  ]);
  const cache = await startCache(context, redis, {
    embedder,
    verifier,
    threshold: (tenant) => checks.thresholds.of(tenant),
    rollouts: rollouts.rollouts,
  });
  const routing = await loadRouting(context, embedder, rollouts.rollouts);
  const consumption = await joinGroup(context, {
    group,
    topics: bothLanes(names, names.admitted),
    order: "key",
    commit_by: "engine",
    is_hop: true,
    max_in_flight: IN_FLIGHT_MAX + settings.cache.coalesce.waiting_max,
    batch_records_max: 1,
    handler: createRouterHandler({
      codec,
      publisher: producer,
      clock: systemClock,
      names,
      dead_letters: deadLetterWriter(context, group),
      settings: settings.cache,
      lookUp: cache.lookUp,
      choose: routing.choose,
      check: (...hit) => cacheCheck({ codec, names }, settings.cache.semantic.checks, ...hit),
      ended: observeRouting(metrics),
      tell: requestStates(redis, settings).quietly(log),
      ...(context.tracing === undefined ? {} : { tracing: context.tracing }),
    }),
  });
  const groups = new Map([
    [group, consumption],
    [checks.group, checks.consumption],
  ]);
  observeConsumption(context, groups);
  return {
    ready: async () => [
      ...(consumption.joined ? [] : ["not yet a member of its group"]),
      ...(redis.status === "ready" ? [] : ["redis is away"]),
      ...rollouts.problems(),
      ...checks.problems(),
      ...cache.problems(),
    ],
    async stop() {
      await consumption.drain(settings.consumption.drain_deadline_ms);
      await Promise.all([cache.stop(), checks.stop(), rollouts.stop()]);
      await embedder?.close();
      redis.disconnect();
    },
  };
});
