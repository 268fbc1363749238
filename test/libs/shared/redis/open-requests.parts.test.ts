/** Requests that have not ended, on a real Redis. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { RedisJobViews } from "../../../../libs/shared/redis/job-views.ts";
import { OpenRequests } from "../../../../libs/shared/redis/open-requests.ts";
import { connectGiven, without_redis } from "../../../support/redis.ts";

const TTL_MS = 60_000;

describe("open requests on Redis", { skip: without_redis }, () => {
  const prefix = `test-${randomUUID()}`;
  let redis: Redis;
  let views: RedisJobViews;
  let open: OpenRequests;
  before(async () => {
    redis = await connectGiven("open-test", `${prefix}:`);
    views = new RedisJobViews(redis, TTL_MS);
    open = new OpenRequests(redis, views);
  });
  after(() => redis.disconnect());
  const ids = async (tenant: string, page: Partial<Parameters<OpenRequests["page"]>[1]> = {}): Promise<string[]> =>
    (await open.page(tenant, { limit: 10, ...page })).map(({ id }) => id);

  test("are there from when they are taken until they have ended", async () => {
    for (const [id, at_ms] of [
      ["a", 1_000],
      ["b", 2_000],
      ["c", 2_000],
      ["d", 2_000],
    ] as const)
      await views.queued("t1", id, at_ms);
    await views.queued("t1", "a", 9_000);
    await views.queued("t2", "other", 1_000);
    assert.deepEqual(await ids("t1"), ["d", "c", "b", "a"]);
    assert.equal(await open.receivedAt("t1", "a"), 1_000);
    assert.equal(await open.receivedAt("t1", "other"), undefined);
    const ended = { tenant: "t1", status: "succeeded", result: Buffer.from("{}"), reply_to: undefined } as const;
    await views.finish(
      [
        { ...ended, id: "c", followed: true },
        { ...ended, id: "b" },
      ],
      3_000,
    );
    const page = await open.page("t1", { limit: 10 });
    assert.deepEqual(
      page.map(({ id, view }) => [id, view?.status]),
      [
        ["d", "queued"],
        ["b", "succeeded"],
        ["a", "queued"],
      ],
    );
    await open.forget("t1", ["b"]);
    assert.deepEqual(await ids("t1"), ["d", "a"]);
  });

  test("are read in pages, also those of one moment", async () => {
    for (const id of ["k1", "k2", "k3", "k4", "k5"]) await views.queued("t3", id, 5_000);
    await views.queued("t3", "early", 4_000);
    const seen: string[] = [];
    for (let before: { received_ms: number; id: string } | undefined; ; ) {
      const page = await open.page("t3", { limit: 2, ...(before === undefined ? {} : { before }) });
      if (page.length === 0) break;
      seen.push(...page.map(({ id }) => id));
      before = page.at(-1);
    }
    assert.deepEqual(seen, ["k5", "k4", "k3", "k2", "k1", "early"]);
    assert.deepEqual(await ids("t3", { before: { received_ms: 5_000, id: "" } }), ["early"]);
  });

  test("are forgotten after their time", async () => {
    await views.queued("t4", "old", 1_000);
    await views.queued("t4", "new", 1_000 + TTL_MS + 1);
    assert.deepEqual(await ids("t4"), ["new"]);
    const left_ms = await redis.pttl("open:{t4}");
    assert.ok(left_ms > 0 && left_ms <= TTL_MS);
  });
});
