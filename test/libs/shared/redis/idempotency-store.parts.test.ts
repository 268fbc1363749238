/** Idempotency keys on a real Redis. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { idempotencyHash, idempotencyKey } from "../../../../libs/shared/redis/idempotency.ts";
import { RedisIdempotency } from "../../../../libs/shared/redis/idempotency-store.ts";
import { connectGiven, without_redis } from "../../../support/redis.ts";

describe("idempotency keys on Redis", { skip: without_redis }, () => {
  const tenant = `test-${randomUUID()}`;
  const first = { id: "r1", content_hash: "aa" };
  const second = { id: "r2", content_hash: "bb" };
  let redis: Redis;
  let store: RedisIdempotency;
  before(async () => {
    redis = await connectGiven("idempotency-test");
    store = new RedisIdempotency(redis, 60_000);
  });
  after(() => redis.disconnect());

  test("belong to the first who claims them, and end with their time", async () => {
    assert.equal(await store.claim(tenant, "k1", first), undefined);
    assert.deepEqual(await store.claim(tenant, "k1", second), first);
    assert.equal(await store.claim(tenant, "k2", second), undefined);
    const name = idempotencyKey(tenant, idempotencyHash("k1"));
    assert.equal(await redis.get(name), "r1 aa");
    const left_ms = await redis.pttl(name);
    assert.ok(left_ms > 0 && left_ms <= 60_000);
  });

  test("of 64 who come at once go to one", async () => {
    const claims = Array.from({ length: 64 }, (_, index) => store.claim(tenant, "k3", { ...first, id: `r${index}` }));
    const holders = await Promise.all(claims);
    assert.equal(holders.filter((holder) => holder === undefined).length, 1);
    assert.equal(new Set(holders.map((holder) => holder?.id)).size, 2);
  });

  test("pass from the one that was named to another, once", async () => {
    assert.equal(await store.claim(tenant, "k4", first), undefined);
    assert.equal(await store.claim(tenant, "k4", second, first), undefined);
    assert.deepEqual(await store.claim(tenant, "k4", first, first), second);
  });

  test("that cannot be claimed are a retryable error", async () => {
    const name = idempotencyKey(tenant, idempotencyHash("k5"));
    await redis.hset(name, "a", "b");
    await assert.rejects(store.claim(tenant, "k5", first), isRetryable);
    await redis.del(name);
  });
});
