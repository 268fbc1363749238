/** Wires one tier: its endpoints, limits and batches in front; and for whoever serves it, its consumer group behind. */
import { systemClock } from "../../libs/shared/clock.ts";
import type { TierSettings } from "../../libs/shared/config/schema.ts";
import { redeliveryPolicy } from "../../libs/shared/events/redelivery.ts";
import type { Consumption } from "../../libs/shared/kafka/consumption.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { Publisher, TopicPartition } from "../../libs/shared/kafka/ports.ts";
import { partitionCount } from "../../libs/shared/kafka/topology.ts";
import { bothLanes, deadLetterWriter, joinGroup, type ServiceContext } from "../../libs/shared/service.ts";
import { afterFailure } from "./after-failure.ts";
import { type AttemptsDeps, runAttempts } from "./attempts.ts";
import { type BatchLane, createBatchLane } from "./batch-lane.ts";
import { DeadLetterGuard } from "./dead-letter-guard.ts";
import type { EndpointAddress } from "./endpoint-clients.ts";
import { probeModels } from "./endpoints/models-probe.ts";
import { EndpointPool } from "./endpoints/pool.ts";
import { Prober } from "./endpoints/prober.ts";
import { warmUp } from "./endpoints/warm-up.ts";
import { createInferenceHandler, type InferenceDeps } from "./handler.ts";
import { AdaptiveConcurrency } from "./limits/adaptive-concurrency.ts";
import { LocalLimits } from "./limits/limit-store.ts";
import { RateLimiter } from "./limits/rate-limiter.ts";
import { limitKey, RedisLimits } from "./limits/redis-bucket.ts";
import { shareOf } from "./limits/shares.ts";
import { createSender, inFlightMax } from "./sender.ts";
import { shadowsOf } from "./shadowing.ts";
import { Shaper } from "./shaping.ts";
import { JobTokens } from "./streaming/job-tokens.ts";
import type { ServedTierParts, TierParts } from "./tier-parts.ts";

export type RunningTier = {
  readonly group: string;
  readonly consumption: Consumption;
  readonly pool: EndpointPool;
  stop(): Promise<void>;
};

/** A tier whose handler may be called: nothing is warmed up, and nobody delivers to it yet. */
export type OpenTier = {
  readonly handler: Handler;
  readonly pool: EndpointPool;
  readonly limiter: RateLimiter;
  readonly endpoints: readonly EndpointAddress[];
  readonly batches: BatchLane | undefined;
  /** Ends what the tier does by itself; its handler goes on with what it has. */
  quiet(): Promise<void>;
  /** Once its handler has ended. */
  close(): Promise<void>;
};

export type OpenTierOptions = {
  /** Where what the handler causes goes. */
  readonly publisher: Publisher;
  /** Names who writes dead letters. */
  readonly group: string;
  /** What other tiers are asked beside an answer. Left out: nothing. */
  readonly shadows?: InferenceDeps["shadows"];
  /** Jobs of the batch lane may go by the provider's Batch API, where the settings have one. Left out: they are called directly. */
  readonly batches?: (endpoints: readonly EndpointAddress[], shaper: Shaper) => BatchLane;
};

/** Endpoints, limits, batches and the handler behind them. @throws `settings_invalid` where an endpoint has no address. */
export function openTier(parts: TierParts, tier: string, options: TierSettings, open: OpenTierOptions): OpenTier {
  const { context, metrics, streams, cancellations } = parts;
  const { settings, names, codec } = context;
  const endpoints = [options.endpoint].flat().map((name) => parts.clients.address(name));
  const limiter = createLimiter(parts, tier, options);
  const pool = createPool(parts, tier, options, endpoints, limiter);
  const shaper = new Shaper(settings);
  const sender = createSender(parts, tier, options, pool);
  const batches = options.batch_api.enabled ? open.batches?.(endpoints, shaper) : undefined;
  const { on_unknown } = settings.inference.ledger;
  const attempts: Omit<AttemptsDeps, "models"> = {
    clock: systemClock,
    random: Math.random,
    send: sender.send,
    has_other_keys: endpoints.length > 1 || endpoints.some(({ keys }) => keys.length > 1),
    attempts_max: settings.inference.attempts_max,
    retry: settings.inference.retry,
    timeout_ms: options.timeout_ms,
    on_unknown,
    shaper,
  };
  const redelivery = redeliveryPolicy(settings.inference.redelivery, settings.topics.retry_delays);
  const handler = createInferenceHandler({
    codec,
    publisher: open.publisher,
    clock: systemClock,
    names,
    dead_letters: deadLetterWriter(context, open.group),
    ledger: parts.ledger,
    settings,
    attempt: async (work, place) => {
      const direct = () => runAttempts({ ...attempts, models: modelsFor(options, work.job.route.model) }, work);
      return batches === undefined ? direct() : batches.attempt(work, place, direct);
    },
    tokens: ({ tenant, id }) => new JobTokens(() => streams?.open(tenant, id) ?? NO_STREAM),
    cancellation: (tenant, id) => cancellations?.signalFor(tenant, id) ?? NEVER_CANCELLED,
    afterFailure: (...failed) => afterFailure({ names, redelivery, on_unknown }, ...failed),
    guard: new DeadLetterGuard(settings.inference.dead_letter_guard),
    ...(open.shadows === undefined ? {} : { shadows: open.shadows }),
    ...(parts.tell === undefined ? {} : { tell: parts.tell }),
    ...(context.tracing === undefined ? {} : { tracing: context.tracing }),
    hopped: (end) => metrics?.hopped(tier, end),
    ended: (end, waited_ms) => metrics?.jobEnded(tier, end, waited_ms),
  });
  const probe = (name: string, timeout_ms: number): Promise<boolean> => {
    const { base_url, keys } = parts.clients.address(name);
    return probeModels(base_url, keys[0], timeout_ms);
  };
  const prober = new Prober(pool, probe, settings.inference.health, systemClock);
  return {
    ...{ handler, pool, limiter, endpoints, batches },
    async quiet() {
      prober.close();
      await batches?.stop();
    },
    async close() {
      prober.close();
      await sender.close();
    },
  };
}

/** Serves a tier: warmed up, and a member of its consumer group. */
export async function startTier(parts: ServedTierParts, tier: string, options: TierSettings): Promise<RunningTier> {
  const { context } = parts;
  const { settings, names, log, producer, codec } = context;
  const group = `${settings.consumption.group_prefix}inference.${tier}`;
  const opened = openTier(parts, tier, options, {
    publisher: producer,
    group,
    shadows: (...answered) => shadowsOf({ codec, names }, settings.routing.shadows, ...answered),
    batches: (endpoints, shaper) => createBatchLane(parts, tier, options, endpoints, shaper),
  });
  const { endpoints, pool, batches } = opened;
  await warmEndpoints(parts, tier, options, endpoints, pool);
  const consumption = await joinGroup(context, {
    group,
    topics: bothLanes(names, names.jobs(tier)),
    order: "key",
    commit_by: "engine",
    is_hop: true,
    max_in_flight: inFlightMax(options),
    ...(batches === undefined
      ? {}
      : { max_in_flight_by_lane: { interactive: inFlightMax(options), batch: batches.in_flight_max } }),
    batch_records_max: 1,
    onAssigned: shareKeeper(context, names.jobs(tier), opened.limiter),
    handler: opened.handler,
  });
  log.info({ tier, endpoints: endpoints.map(({ name }) => name) }, "serving a tier");
  return {
    group,
    consumption,
    pool,
    async stop() {
      await opened.quiet();
      await consumption.drain(settings.consumption.drain_deadline_ms);
      await opened.close();
    },
  };
}

/** For those who follow no tokens. */
const NO_STREAM = { start: () => undefined, token: () => undefined, end: () => undefined };
const NEVER_CANCELLED = { signal: new AbortController().signal, release: () => undefined };

/** The routed model first, then the tier's others. */
function modelsFor({ models }: TierSettings, routed: string): string[] {
  return [routed, ...models.filter((model) => model !== routed)];
}

function createLimiter({ context, redis }: TierParts, tier: string, { limits }: TierSettings): RateLimiter {
  const unlimited = limits.requests_per_minute === undefined && limits.tokens_per_minute === undefined;
  const key = limitKey(tier);
  const shared = limits.scope === "shared";
  const store = shared
    ? new RedisLimits(redis, { settings: limits, key, clock: systemClock, random: Math.random })
    : new LocalLimits(limits, systemClock);
  return new RateLimiter({
    store: unlimited ? undefined : store,
    clock: systemClock,
    failed: (error) => context.log.debug({ tier, error }, "the shared rate limit was not reached"),
  });
}

function createPool(
  { context, clients }: TierParts,
  tier: string,
  options: TierSettings,
  endpoints: readonly EndpointAddress[],
  limiter: RateLimiter,
): EndpointPool {
  const { health, breaker, concurrency } = context.settings.inference;
  return new EndpointPool({
    clock: systemClock,
    random: Math.random,
    strategy: options.balancing,
    endpoints,
    createClient: (endpoint, key) => clients.client(endpoint, key),
    createConcurrency: () =>
      new AdaptiveConcurrency({ settings: concurrency, max: options.in_flight_max, clock: systemClock }),
    limiter,
    health,
    breaker,
    onChange: (endpoint, change) => context.log.warn({ tier, endpoint, ...change }, "an endpoint has changed"),
  });
}

/** A worker joins its group when its endpoints have answered, so that no request waits for a connection or a model to load. */
async function warmEndpoints(
  { context, clients }: TierParts,
  tier: string,
  { kind, models, timeout_ms }: TierSettings,
  endpoints: readonly EndpointAddress[],
  pool: EndpointPool,
): Promise<void> {
  const warmed = await warmUp({
    clock: systemClock,
    random: Math.random,
    settings: context.settings.inference.warm_up,
    tier: { kind, models, timeout_ms },
    endpoints: endpoints.map(({ name, keys }) => ({ name, clients: keys.map((key) => clients.client(name, key)) })),
  });
  for (const name of warmed.ready) pool.probed(name, true);
  for (const [name, why] of warmed.failed) {
    pool.probed(name, false);
    context.log.warn({ tier, endpoint: name, why }, "an endpoint did not answer its warm-up call");
  }
}

/** Keeps the process's share of the limits up with its partitions. */
function shareKeeper(
  context: ServiceContext,
  topic: string,
  limiter: RateLimiter,
): (held: readonly TopicPartition[]) => void {
  const { settings, kafka, log } = context;
  let count =
    settings.topics.overrides[topic.slice(settings.topics.prefix.length)]?.partitions ?? settings.topics.partitions;
  let latest: readonly TopicPartition[] = [];
  return (held) => {
    latest = held;
    limiter.setShare(shareOf(held, topic, count));
    if (limiter.unlimited) return;
    // The topic may have been given more partitions than the settings say.
    void partitionCount(kafka, topic).then(
      (actual) => {
        count = actual;
        limiter.setShare(shareOf(latest, topic, count));
      },
      (error: unknown) => log.warn({ topic, error }, "the number of partitions is not known; the settings' is taken"),
    );
  };
}
