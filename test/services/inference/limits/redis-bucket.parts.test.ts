/** The bucket that all processes share, on a real Redis. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { systemClock } from "../../../../libs/shared/clock.ts";
import type { LimitSettings } from "../../../../libs/shared/config/inference.ts";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { limitKey, RedisLimits } from "../../../../services/inference/limits/redis-bucket.ts";
import { connectGiven, without_redis } from "../../../support/redis.ts";
import { limitStoreSuite } from "./limit-store.suite.ts";

const NOTHING = { requests: 0, tokens: 0 };

describe("on Redis", { skip: without_redis }, () => {
  let redis: Redis;
  before(async () => {
    redis = await connectGiven("bucket-test");
  });
  after(() => redis.disconnect());

  const storeOf = (settings: LimitSettings, key: string) =>
    new RedisLimits(redis, { settings, key, clock: systemClock, random: () => 0 });

  limitStoreSuite("the shared bucket", async (settings) => {
    const key = limitKey(`test-${randomUUID()}`);
    // The server's time is its own: the bucket is made older instead.
    return {
      store: storeOf(settings, key),
      advance: async (ms) => void (await redis.hincrbyfloat(key, "at_ms", -ms)),
    };
  });

  test("two processes take from the same", async () => {
    const key = limitKey(`test-${randomUUID()}`);
    const settings: LimitSettings = { requests_per_minute: 6, scope: "shared" };
    const [one, other] = [storeOf(settings, key), storeOf(settings, key)];
    assert.equal((await one.ask([{ requests: 1, tokens: 0 }], NOTHING)).granted, 1);
    assert.equal((await other.ask([{ requests: 1, tokens: 0 }], NOTHING)).granted, 0);
    assert.ok((await redis.pttl(key)) > 60_000, "the bucket goes when nobody uses it");
  });

  test("a server that refuses is a retryable error", async () => {
    const key = limitKey(`test-${randomUUID()}`);
    await redis.set(key, "no hash");
    const ask = storeOf({ requests_per_minute: 6, scope: "shared" }, key).ask([], NOTHING);
    await assert.rejects(ask, isRetryable);
    await redis.del(key);
  });
});
