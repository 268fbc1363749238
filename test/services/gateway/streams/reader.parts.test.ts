/** Following requests on a real Redis: what the writers write is read, from any entry on, and words come also after the connection broke. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../../../libs/shared/redis/client.ts";
import { streamKey } from "../../../../libs/shared/redis/job-keys.ts";
import { RequestStates } from "../../../../libs/shared/redis/request-states.ts";
import { tokenEntry } from "../../../../libs/shared/redis/token-events.ts";
import { RedisStreamReader } from "../../../../services/gateway/streams/reader.ts";
import { RedisWakes } from "../../../../services/gateway/streams/wakes.ts";
import { type PartProxy, startProxy } from "../../../support/proxy.ts";
import { until } from "../../../support/until.ts";

const url = process.env["REDIS_URL"];
/** No look comes in this time: what is heard is words. */
const LOOK_MS = 600_000;

describe("following on Redis", { skip: url === undefined ? "REDIS_URL names no Redis" : false }, () => {
  const prefix = `test-${randomUUID()}:`;
  let proxy: PartProxy;
  let redis: Redis;
  let subscription: Redis;
  let wakes: RedisWakes;
  before(async () => {
    proxy = await startProxy(url ?? "");
    redis = connectRedis(url ?? "", "reader-test", silentLog, prefix);
    subscription = connectRedis(proxy.url, "wakes-test", silentLog, prefix);
    await Promise.all([redisReady(redis, 5_000), redisReady(subscription, 5_000)]);
    const settings = { open_max: 2_000, look_ms: LOOK_MS };
    wakes = new RedisWakes(subscription, { settings, key_prefix: prefix, clock: systemClock });
  });
  after(async () => {
    wakes.stop();
    redis.disconnect();
    subscription.disconnect();
    await proxy.away();
  });

  test("states and tokens are read from the beginning or after any entry", async () => {
    const reader = new RedisStreamReader(redis);
    const id = randomUUID();
    const states = new RequestStates(redis, prefix, 60_000);
    await states.tell([
      { tenant: "demo", id, state: { state: "admitted" } },
      { tenant: "demo", id, state: { state: "started", attempt: 1 } },
    ]);
    const events = [
      { kind: "start", attempt: 1, model: "m", endpoint: "e" },
      ...["1", "2", "3"].map((chunk) => ({ kind: "token", chunk }) as const),
    ] as const;
    for (const event of events) await redis.xadd(streamKey("demo", id), "*", ...tokenEntry(event));
    await redis.xadd(streamKey("demo", id), "*", "kind", "of a later version", "data", "{}");

    const all = await reader.tokens("demo", id, undefined, 100);
    assert.deepEqual(
      all.map(({ event }) => event),
      events,
    );
    const first_two = await reader.tokens("demo", id, undefined, 2);
    assert.deepEqual(first_two, all.slice(0, 2));
    assert.deepEqual(await reader.tokens("demo", id, first_two[1]?.id, 100), all.slice(2));
    const told = await reader.states("demo", id);
    assert.deepEqual(
      told.map(({ state }) => state.state),
      ["admitted", "started"],
    );
    assert.deepEqual(await reader.states("demo", id, told[0]?.id), told.slice(1));
    assert.deepEqual(await reader.states("another", id), []);
  });

  test("many reads at once each get their own, and one that Redis refuses fails alone", async () => {
    const reader = new RedisStreamReader(redis);
    const ids = Array.from({ length: 300 }, () => randomUUID());
    for (const id of ids) {
      await redis.xadd(streamKey("demo", id), "*", ...tokenEntry({ kind: "token", chunk: JSON.stringify(id) }));
    }
    await redis.set(streamKey("demo", "odd"), "no stream", "PX", 60_000);
    const [odd, ...rest] = await Promise.allSettled(
      ["odd", ...ids].map((id) => reader.tokens("demo", id, undefined, 100)),
    );
    assert.ok(odd?.status === "rejected" && isRetryable(odd.reason));
    assert.deepEqual(
      rest.map((one) => one.status === "fulfilled" && one.value.map(({ event }) => event)),
      ids.map((id) => [{ kind: "token", chunk: JSON.stringify(id) }]),
    );
  });

  test("a reader without Redis says that it may be tried again", async () => {
    const nowhere = connectRedis("redis://127.0.0.1:1", "reader-test", silentLog, prefix);
    await assert.rejects(new RedisStreamReader(nowhere).states("demo", "r1"), isRetryable);
    nowhere.disconnect();
  });

  test("a word comes with each state, and again after the connection broke", async () => {
    const states = new RequestStates(redis, prefix, 60_000);
    const ids = Array.from({ length: 1_500 }, () => randomUUID());
    const woken = new Map(ids.map((id) => [id, 0]));
    const all = await Promise.all(
      ids.map((id) => wakes.follow("demo", id, () => woken.set(id, (woken.get(id) ?? 0) + 1))),
    );
    const tell = () => states.tell(ids.map((id) => ({ tenant: "demo", id, state: { state: "admitted" } })));
    await tell();
    await until("everybody is woken", () => [...woken.values()].every((count) => count === 1));
    await proxy.away();
    await tell();
    await proxy.back();
    await until("everybody is woken by the connection", () => [...woken.values()].every((count) => count >= 2));
    for (const id of ids) woken.set(id, 0);
    await tell();
    await until("everybody is woken again", () => [...woken.values()].every((count) => count >= 1));
    for (const following of all) following.close();
    await until("nothing is subscribed to", async () => {
      const channels = (await redis.call("PUBSUB", "CHANNELS", `${prefix}*`)) as string[];
      return channels.length === 0;
    });
  });
});
