/** Who decides (or only counts) for a batch of requests, on a connection of its own. */
import type { Redis } from "ioredis";
import { RateLimiterRedis } from "rate-limiter-flexible";
import type { Ask, RateAsk } from "../../libs/shared/budgets/admission-store.ts";
import { pipelineReplies } from "../../libs/shared/redis/client.ts";
import { fullAsk, reservations } from "./asks.ts";
import { storeOn } from "./stack.ts";

export type Contender = {
  readonly name: string;
  /** Redis's commands whose time is the contender's. */
  readonly commands: readonly string[];
  /** One call for the requests from number `first` on. */
  prepare(redis: Redis): (first: number, batch: number) => Promise<void>;
};

/** Sluice: identity, limits, budgets and the hold, all or nothing. */
export const sluice: Contender = {
  name: "sluice",
  commands: ["evalsha", "eval"],
  prepare(redis) {
    const store = storeOn(redis);
    return async (first, batch) => {
      reservations(await store.reserve(asks(first, batch)));
    };
  },
};

/** The limits alone, as its users have them: a limiter for each limit, all asked side by side; its windows are fixed. */
export const rateLimiterFlexible: Contender = {
  name: "rate-limiter-flexible",
  commands: ["evalsha", "eval"],
  prepare(redis) {
    const limiters = new Map<string, RateLimiterRedis>();
    const limiter = (scope: RateAsk["scope"], of: "requests" | "tokens", points: number): RateLimiterRedis => {
      const keyPrefix = `${scope}-${of}`;
      const known = limiters.get(keyPrefix);
      if (known !== undefined) return known;
      const made = new RateLimiterRedis({ storeClient: redis, keyPrefix, points, duration: 60 });
      limiters.set(keyPrefix, made);
      return made;
    };
    const consumed = ({ tenant, needs }: Ask) =>
      (needs?.rates ?? []).flatMap(({ scope, subject, requests_per_minute = 0, tokens_per_minute = 0 }) => {
        const key = scope === "global" ? "all" : `${tenant}:${subject}`;
        return [
          limiter(scope, "requests", requests_per_minute).consume(key, 1),
          limiter(scope, "tokens", tokens_per_minute).consume(key, needs?.tokens),
        ];
      });
    return async (first, batch) => {
      await Promise.all(asks(first, batch).flatMap(consumed));
    };
  },
};

/** The least that any counter in Redis costs: a pipeline with one INCR for each request. */
export const incr: Contender = {
  name: "one INCR each",
  commands: ["incr"],
  prepare(redis) {
    return async (first, batch) => {
      const pipeline = redis.pipeline();
      for (let at = 0; at < batch; at += 1) pipeline.incr(`count:${(first + at) % 2_000}`);
      pipelineReplies(await pipeline.exec());
    };
  },
};

function asks(first: number, batch: number): Ask[] {
  const now_ms = Date.now();
  return Array.from({ length: batch }, (_, at) => fullAsk(first + at, now_ms));
}
