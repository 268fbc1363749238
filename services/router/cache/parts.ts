/** Wires the cache: the view of `llm.cache`, answers in this process and in Redis, and the word of leads that have ended. */
import { answering, answeringNames } from "../../../libs/shared/cache/answering.ts";
import { systemClock } from "../../../libs/shared/clock.ts";
import type { Embedder } from "../../../libs/shared/embedding/embedder.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { ENDED_CHANNEL, parseEndedWord } from "../../../libs/shared/redis/cache-answers.ts";
import { RedisCacheAnswers } from "../../../libs/shared/redis/cache-answers-store.ts";
import { connectRedis, type RedisClient, redisReady, withRedis } from "../../../libs/shared/redis/client.ts";
import { untilAvailable } from "../../../libs/shared/retry.ts";
import type { Verifier } from "../../../libs/shared/semantic/verifier.ts";
import { sensitiveKind } from "../../../libs/shared/sensitive/sensitive.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import type { LookedUp } from "../handler.ts";
import type { ReadRequest } from "../reading.ts";
import type { Rollouts } from "../rollout/contract.ts";
import { stickyOf } from "../sticky.ts";
import { MergedLooks } from "./answers.ts";
import { cacheAskOf } from "./ask.ts";
import { Coalescing } from "./coalescing.ts";
import { MemoryIndex } from "./index/memory-index.ts";
import type { EntryPlace } from "./keeper.ts";
import { createKeeper, startKeeper } from "./keeper-parts.ts";
import { LocalAnswers } from "./local.ts";
import { LayeredCache } from "./lookup.ts";
import { observeCache } from "./metrics.ts";
import { CacheView } from "./view.ts";

export type CacheOptions = {
  /** Undefined: nothing is found by meaning. */
  readonly embedder: Embedder | undefined;
  readonly verifier: Verifier;
  /** A tenant's, as checks have moved it; undefined where nothing is a hit. */
  readonly threshold: (tenant: string) => number | undefined;
  readonly rollouts: Rollouts;
};

export type CacheParts = {
  readonly lookUp: (head: AdmittedHead, read: ReadRequest, stopping: AbortSignal) => Promise<LookedUp>;
  /** What keeps the service from being ready, in words. */
  problems(): string[];
  stop(): Promise<void>;
};

/** What a vector has where there is no model: entries are then found by equal requests alone. */
const NO_DIMENSIONS = 0;

export async function startCache(
  context: ServiceContext,
  redis: RedisClient,
  { embedder, verifier, threshold, rollouts }: CacheOptions,
): Promise<CacheParts> {
  const { settings, codec, kafka, names, log, retry, metrics } = context;
  const { cache, routing, tiers } = settings;
  const answers = new RedisCacheAnswers(redis);
  const looks = new MergedLooks(answers);
  const local = new LocalAnswers(cache.exact);
  const coalescing = new Coalescing({ looks, answers, clock: systemClock, settings: cache.coalesce });
  const dimensions = embedder?.dimensions ?? NO_DIMENSIONS;
  const index = new MemoryIndex({ ...cache.semantic, dimensions });
  const keeper = createKeeper(context, redis, { index, local, answers, caughtUp: () => view.caught_up });
  const expired = (entry: EntryPlace): void => keeper.expired(entry);
  const view = new CacheView(kafka, names.cache, { codec, index, dimensions, clock: systemClock, log, expired });
  const seen = observeCache(metrics, { index, local, coalescing, log, gone: () => keeper.gone() });
  const layered = new LayeredCache({
    ...{ looks, local, coalescing, index, embedder, verifier, threshold, seen },
    clock: systemClock,
    settings: cache,
  });
  const words = await followEnded(context, coalescing);
  await untilAvailable(retry, names.cache, () => view.start());
  const keeping = await startKeeper(context, keeper);
  log.info({ by_meaning: embedder?.model ?? "off" }, "the cache is open");

  return {
    async lookUp(head, { body, facts, output_tokens_max }, stopping) {
      const sticky = stickyOf(head);
      const models = answeringNames(
        answering(head, { tiers, routing }, (tier) => ({
          model: rollouts.model(tier, sticky)?.value,
          prompt: rollouts.prompt(tier, sticky)?.value,
        })),
      );
      const ask = cacheAskOf(head, body, facts, {
        settings: cache,
        models,
        output_tokens_max,
        sensitive: sensitiveKind,
      });
      return "bypass" in ask ? { kind: "bypass", why: ask.bypass } : layered.lookUp(ask, stopping);
    },
    problems: () => (view.caught_up ? [] : [`${names.cache} is not read to its end`]),
    async stop() {
      words.disconnect();
      await keeping.stop();
      await view.stop();
    },
  };
}

/** One subscription per router: a lead has ended. Only a hint: who waits also looks for itself. */
async function followEnded({ environment, instance, log, retry, settings }: ServiceContext, coalescing: Coalescing) {
  const words = connectRedis(environment.redis, `${instance}-words`, log, settings.redis.key_prefix);
  words.on("message", (_channel, word) => coalescing.heard(parseEndedWord(word)));
  await untilAvailable(retry, "redis", async () => {
    await redisReady(words, 1_000);
    await withRedis(() => words.subscribe(ENDED_CHANNEL));
  });
  return words;
}
