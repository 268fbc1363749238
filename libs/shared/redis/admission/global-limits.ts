/**
 * The global limits of a cluster. They are on one server and a tenant's counters on another, so no script sees both: a batch first takes
 * of the global limits, then asks each tenant's counters, and gives back what was taken for requests that these do not admit.
 *
 * What is taken and never given back (the process died, or nobody knows what became of the tenant's step) counts as used: the limits let
 * too little through then, for a minute or the rest of the day, and never too much.
 */
import type { Answer, Ask, RateAsk } from "../../budgets/admission-store.ts";
import { dayOf } from "../../budgets/store-names.ts";
import { pipelineReplies, type RedisClient, withRedis } from "../client.ts";
import { type GlobalUse, rateArgument, type Taken, takenOf } from "./global-call.ts";
import { epochKey, globalQuotaKey, globalRateKey } from "./keys.ts";
import { type Life, lifeText, type Stale } from "./reserve-call.ts";
import { CORRECT_LUA, TAKE_LUA } from "./scripts/global.ts";

type Scripts = {
  sluiceTake(epoch: string, rate: string, quota: string, ask: string): void;
  sluiceCorrect(rate: string, quota: string, ...args: string[]): void;
  exec(): Promise<[Error | null, unknown][] | null>;
};

export class GlobalLimits {
  readonly #redis: RedisClient;
  readonly #home: string;

  constructor(redis: RedisClient, home: string) {
    redis.defineCommand("sluiceTake", { numberOfKeys: 3, lua: TAKE_LUA });
    redis.defineCommand("sluiceCorrect", { numberOfKeys: 2, lua: CORRECT_LUA });
    this.#redis = redis;
    this.#home = home;
  }

  /**
   * In the order of the asks, in one round trip; undefined for one that no global limit binds. Stale where the life or the day is not the
   * one that was named. @param now_ms the server's, as the caller estimates it.
   */
  async take(
    pipeline: unknown,
    asks: readonly Ask[],
    { life, now_ms }: { readonly life: Life; readonly now_ms: number },
  ): Promise<{ readonly taken: (Taken | Stale | undefined)[]; readonly server_ms: number | undefined }> {
    const scripts = pipeline as Scripts;
    const day = dayOf(now_ms);
    const rates = asks.map(({ needs }) => needs?.rates.find((rate) => rate.scope === "global" && isLimit(rate)));
    for (const [index, rate] of rates.entries()) {
      if (rate === undefined) continue;
      const ask = { life: lifeText(life), day, tokens: asks[index]?.needs?.tokens ?? 0, rate: rateArgument(rate) };
      const [epoch, window, quota] = this.#keys(day);
      scripts.sluiceTake(epoch, window, quota, JSON.stringify(ask));
    }
    if (rates.every((rate) => rate === undefined)) return { taken: rates as undefined[], server_ms: undefined };
    const replies = await withRedis(async () => pipelineReplies(await scripts.exec()));
    let next = 0;
    const taken = rates.map((rate) => {
      if (rate === undefined) return undefined;
      next += 1;
      return takenOf(rate, replies[next - 1] as unknown[]);
    });
    return { taken, server_ms: (replies.at(-1) as [string, number] | undefined)?.[1] };
  }

  /** Gives back what was taken for asks that were not admitted. What cannot be given back counts as used. */
  async giveBack(
    asks: readonly Ask[],
    taken: readonly (Taken | Stale | undefined)[],
    answers: readonly (Answer | Stale)[],
  ): Promise<void> {
    const uses = taken.flatMap((one, at): GlobalUse[] => {
      const answer = answers[at];
      if (one === undefined || "stale" in one || one.kind !== "taken") return [];
      if (answer === undefined || ("kind" in answer && answer.kind === "admitted")) return [];
      const { rate, at_ms } = one;
      const tokens = asks[at]?.needs?.tokens ?? 0;
      return [{ bucket: rate.algorithm === "token_bucket", at_ms, requests: -1, tokens: -tokens, rate }];
    });
    await this.correct(uses);
  }

  /** What fails stays as it was charged. */
  async correct(uses: readonly GlobalUse[]): Promise<void> {
    if (uses.length === 0) return;
    const pipeline = this.#redis.pipeline() as unknown as Scripts;
    for (const { bucket, at_ms, requests, tokens, rate } of uses) {
      const [, window, quota] = this.#keys(dayOf(at_ms));
      const limit = rate?.requests_per_minute;
      const has_quota = rate?.requests_per_day !== undefined;
      const numbers = [bucket ? 1 : 0, at_ms, requests, tokens, limit ?? "", has_quota ? 1 : 0];
      pipeline.sluiceCorrect(window, quota, ...numbers.map(String));
    }
    await pipeline.exec().catch(() => undefined);
  }

  #keys(day: number): readonly [string, string, string] {
    return [epochKey(this.#home), globalRateKey(this.#home), globalQuotaKey(this.#home, day)];
  }
}

function isLimit(rate: RateAsk): boolean {
  return [rate.requests_per_minute, rate.tokens_per_minute, rate.requests_per_day].some((one) => one !== undefined);
}
