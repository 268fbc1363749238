/** Beats on a real Redis. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import type { Beat } from "../../../../libs/shared/beats/beat.ts";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { BEATS_KEY, RedisBeatStore } from "../../../../libs/shared/redis/beat-store.ts";

const url = process.env["REDIS_URL"];
const TTL_MS = 10_000;

function beatOf(instance: string, at_ms: number): Beat {
  const samples = [{ name: "sluice_in_flight", labels: {}, value: at_ms }];
  return {
    ...{ service: "router", instance, host: "h", pid: 1, tiers: [] },
    draining: false,
    started_ms: 0,
    at_ms,
    samples,
  };
}

describe("beats on Redis", { skip: url === undefined ? "REDIS_URL names no Redis" : false }, () => {
  let redis: Redis;
  let store: RedisBeatStore;
  before(() => {
    redis = new Redis(url ?? "", { keyPrefix: `test-${randomUUID()}:` });
    store = new RedisBeatStore(redis, TTL_MS);
  });
  after(async () => {
    await redis.del(BEATS_KEY);
    redis.disconnect();
  });

  test("are read, the newest of each process, until they are silent or removed", async () => {
    for (const beat of [beatOf("a", 1_000), beatOf("b", 2_000), beatOf("a", 3_000)]) await store.write(beat);
    const names = async (now_ms: number): Promise<string[]> =>
      (await store.all(now_ms)).map(({ instance, at_ms }) => `${instance} ${at_ms}`).sort();
    assert.deepEqual(await names(4_000), ["a 3000", "b 2000"]);
    assert.deepEqual(await names(2_000 + TTL_MS), ["a 3000"]);
    await store.remove("router", "a");
    assert.deepEqual(await names(4_000), ["b 2000"]);
  });

  test("of the dead are taken away by who starts, and the key does not stay for ever", async () => {
    await store.write(beatOf("dead", 1_000));
    await redis.hset(BEATS_KEY, "x/garbage", "{");
    await new RedisBeatStore(redis, TTL_MS).write(beatOf("new", 1_000 + 7 * TTL_MS));
    assert.deepEqual(await redis.hkeys(BEATS_KEY), ["router/new"]);
    assert.ok((await redis.pttl(BEATS_KEY)) > 0);
  });

  test("that cannot be written are a retryable error", async () => {
    const away = new Redis("redis://127.0.0.1:1", {
      lazyConnect: true,
      enableOfflineQueue: false,
      retryStrategy: null,
    });
    await assert.rejects(new RedisBeatStore(away, TTL_MS).all(1), isRetryable);
    away.disconnect();
  });
});
