/** Holds past their time on a real Redis: what was sent for them, which were closed, and whose turn it is. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import type { ExpiredHold } from "../../../libs/shared/budgets/admission-store.ts";
import { attemptKey } from "../../../libs/shared/redis/attempt-entry.ts";
import { seenKey } from "../../../libs/shared/redis/job-keys.ts";
import { RedisJobViews } from "../../../libs/shared/redis/job-views.ts";
import { takeTurn } from "../../../libs/shared/redis/leader.ts";
import { AttemptPeek } from "../../../services/ingest/attempt-peek.ts";
import { connectGiven, is_cluster, keysOf, without_redis } from "../../support/redis.ts";

const LATER_MS = 4_000_000_000_000;
const HASH = "a".repeat(64);

describe("on Redis", { skip: without_redis }, () => {
  let redis: Redis;
  let peek: AttemptPeek;
  const tenant = `test-${randomUUID()}`;
  before(async () => {
    redis = await connectGiven("peek-test", `${tenant}.`);
    peek = new AttemptPeek(redis, { now_ms: () => 1_000, after: () => ({ cancel() {} }) });
  });
  after(() => redis.disconnect());

  const hold = (id: string, at_ms: number, more: Partial<ExpiredHold> = {}): ExpiredHold => ({
    tenant,
    id,
    reservation: { hold_id: "h", reserved_nusd: 1, tokens: 1, counters: [], at_ms },
    ...more,
  });

  test("what was sent is found by the content that the id was first seen with", async () => {
    await redis.set(seenKey(tenant, "r1"), `${HASH} llm.requests 0 1`);
    await redis.set(attemptKey({ tenant, id: "r1", content_hash: HASH }), "D inference-1.7 1 0 999");
    await redis.set(attemptKey({ tenant, id: "r2", content_hash: HASH }), "R inference-1.7 0 0 999");
    const holds = [
      hold("r1", LATER_MS),
      hold("r2", LATER_MS, { content_hash: HASH }),
      hold("r2", LATER_MS),
      hold("r3", LATER_MS, { content_hash: HASH }),
      hold("r3", 5, { content_hash: HASH }),
    ];
    assert.deepEqual(await peek.callsSent(holds), ["sent", "none", "unknown", "none", "unknown"]);
    assert.deepEqual(await peek.callsSent([]), []);
  });

  test("a Redis that was started again has forgotten what was before", async () => {
    await peek.watch();
    // Of a cluster each server has its own.
    const names = (await keysOf(redis, `${tenant}.attempts:since*`)).map((key) => key.slice(tenant.length + 1));
    const noted = () => Promise.all(names.map((name) => redis.get(name)));
    assert.equal(names.length, is_cluster ? 3 : 1);
    const before = await noted();
    await peek.watch();
    assert.deepEqual(await noted(), before, "noted once");
    await redis.set(names[0] ?? "", "another-run 1");
    assert.deepEqual(await peek.callsSent([hold("r4", 5, { content_hash: HASH })]), ["unknown"]);
    assert.notEqual((await noted())[0], "another-run 1");
  });

  test("a hold is closed once", async () => {
    const [one, other] = [hold("r1", 1), hold("r9", 1)];
    assert.deepEqual(await peek.claim([one]), [true]);
    assert.deepEqual(await peek.claim([one, other, other]), [false, true, false]);
  });

  test("one process has the turn, and another once its time is over", async () => {
    assert.equal(await takeTurn(redis, "sweep", "a", 60_000), true);
    assert.equal(await takeTurn(redis, "sweep", "b", 60_000), false);
    assert.equal(await takeTurn(redis, "sweep", "a", 60_000), false);
    await redis.pexpire("leader:sweep", 0);
    assert.equal(await takeTurn(redis, "sweep", "b", 60_000), true);
  });

  test("a deferred request says until when, as long as it waits", async () => {
    const views = new RedisJobViews(redis, 60_000);
    const until_ms = 3_600_000;
    await views.queued(tenant, "v1", 1);
    await views.deferred([{ tenant, id: "v1", until_ms }], 2);
    assert.deepEqual(await views.read(tenant, "v1"), { status: "deferred", updated_ms: 2, until_ms });
    const left_ms = await redis.pttl(`deferred:{${tenant}}:v1`);
    assert.ok(left_ms > 3_500_000 && left_ms <= 3_605_000, "it ends by itself");
    await redis.del(`deferred:{${tenant}}:v1`);
    assert.equal((await views.read(tenant, "v1"))?.status, "queued");
    await views.deferred([{ tenant, id: "v1", until_ms }], 4);
    const result = Buffer.from("{}");
    await views.finish([{ tenant, id: "v1", status: "succeeded", result, reply_to: undefined }], 5);
    assert.deepEqual(await views.read(tenant, "v1"), { status: "succeeded", updated_ms: 5, result: "{}" });
  });
});
