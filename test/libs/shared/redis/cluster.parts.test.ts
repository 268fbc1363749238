/** A Redis Cluster of three masters: what the stores do on one Redis they do on it, and what only a cluster can lose is noticed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import type { Redis } from "ioredis";
import { countersOf } from "../../../../libs/shared/budgets/scopes.ts";
import { redisAddress } from "../../../../libs/shared/config/redis.ts";
import { isRetryable } from "../../../../libs/shared/errors.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { homesOf } from "../../../../libs/shared/redis/admission/homes.ts";
import { epochKey } from "../../../../libs/shared/redis/admission/keys.ts";
import { RedisCountersLife } from "../../../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../../../libs/shared/redis/admission/redis-store.ts";
import { RedisCacheAnswers } from "../../../../libs/shared/redis/cache-answers-store.ts";
import { connectRedis, type RedisClient, redisReady } from "../../../../libs/shared/redis/client.ts";
import { ROOT } from "../../../support/pipeline.ts";
import { type ClusterNode, startRedisCluster, type TestCluster } from "../../../support/redis-cluster.ts";
import { until } from "../../../support/until.ts";
import { askOf, EMPTY_SNAPSHOT, entryOf, OPTIONS, rateOf } from "../budgets/asks.ts";

const run = promisify(execFile);
/** Each of their many beginnings writes a life into every slot: of the full size alone. */
const LONG_SUITES = [
  "test/libs/shared/redis/admission/redis-store.parts.test.ts",
  "test/libs/shared/redis/admission/model.parts.test.ts",
];
const SUITES = [
  "test/libs/shared/redis/cache-answers.parts.test.ts",
  "test/libs/shared/redis/idempotency-store.parts.test.ts",
  "test/libs/shared/redis/open-requests.parts.test.ts",
  ...(process.env["SLUICE_TEST_SIZE"] === "full" ? LONG_SUITES : []),
  "test/services/ingest/attempt-peek.parts.test.ts",
  "test/services/inference/ledger/redis-store.parts.test.ts",
  "test/services/inference/limits/redis-bucket.parts.test.ts",
  "test/services/inference/streaming/token-stream.parts.test.ts",
  "test/services/gateway/streams/chat-sending.parts.test.ts",
];
/** Their keys are on all three servers. */
const TENANTS = Array.from({ length: 24 }, (_, n) => `t${n}`);

describe("a Redis Cluster", () => {
  let cluster: TestCluster;
  let redis: RedisClient;
  let store: RedisAdmissionStore;
  let life: RedisCountersLife;
  const connect = async (prefix: string): Promise<RedisClient> => {
    const client = connectRedis(redisAddress(cluster.env as never), "cluster-test", silentLog, prefix);
    await redisReady(client, 10_000);
    return client;
  };
  const nodeOf = (tenant: string): ClusterNode => {
    const port = redis.servers?.of(epochKey(homesOf(redis).of(tenant)))?.options.port;
    return cluster.nodes.find((node) => node.port === port) ?? assert.fail(`no node for ${tenant}`);
  };
  const restore = async (): Promise<void> => {
    await until("the counters are begun", async () => (await life.begin({ if_lost: true }))?.finish(EMPTY_SNAPSHOT));
  };
  const kinds = async (ids: string): Promise<string[]> =>
    (await store.reserve(TENANTS.map((tenant) => askOf(ids, { tenant })))).map(({ kind }) => kind);
  const allAre = async (id: string, kind: string): Promise<void> =>
    assert.deepEqual(
      await kinds(id),
      TENANTS.map(() => kind),
    );

  before(async () => {
    cluster = await startRedisCluster();
    redis = await connect("own.");
    store = new RedisAdmissionStore(redis, OPTIONS);
    life = new RedisCountersLife(redis, OPTIONS);
  });
  after(async () => {
    redis?.disconnect();
    await cluster?.stop();
  });

  test("every store does as on one Redis", async () => {
    const env = { ...process.env, ...cluster.env, NODE_TEST_CONTEXT: undefined };
    const options = { cwd: ROOT, env, maxBuffer: 1 << 24 };
    const files = SUITES.map((file) => join(ROOT, file));
    const { stdout } = await run(process.execPath, ["--test", "--test-reporter=tap", ...files], options).catch(
      (error: { stdout: string }) => assert.fail(error.stdout),
    );
    assert.match(stdout, /^# fail 0$/m);
  });

  test("a batch of many tenants is answered in its order, and each tenant's cap holds", async () => {
    await restore();
    assert.equal(new Set(TENANTS.map((tenant) => nodeOf(tenant).port)).size, 3);
    const asks = Array.from({ length: 20 }, (_, n) =>
      TENANTS.map((tenant) => askOf(`r${n}`, { tenant }, { reserved_nusd: 3, caps_nusd: { tenant_day: 30 } })),
    ).flat();
    const answers = (
      await Promise.all([asks.slice(0, 240), asks.slice(240)].map((some) => store.reserve(some)))
    ).flat();
    assert.deepEqual(
      answers.map((answer) => (answer.kind === "lost" ? "" : answer.id)),
      asks.map(({ id }) => id),
    );
    for (const tenant of TENANTS) {
      const of_tenant = answers.filter((_, at) => asks[at]?.tenant === tenant);
      assert.equal(of_tenant.filter(({ kind }) => kind === "admitted").length, 10);
      const [sums] = await store.read(tenant, countersOf({}, Date.now()));
      assert.equal(sums?.reserved_nusd, 30);
    }
  });

  test("a global limit binds all tenants together, and what was not admitted is given back", async () => {
    const rates = [rateOf({ scope: "global", requests_per_minute: 10, requests_per_day: 11 })];
    const ask = (tenant: string, id: string, cap: number) =>
      askOf(id, { tenant }, { reserved_nusd: 1, caps_nusd: { session: cap }, session: `s-${id}`, rates });
    const refused = await store.reserve(TENANTS.map((tenant) => ask(tenant, "g0", 0)));
    const reasons = refused.map((answer) => answer.kind === "refused" && answer.refusal.reason);
    // While a batch is asked, what it may not use in the end is taken.
    assert.equal(reasons.filter((reason) => reason === "budget").length, 10);
    const batches = await Promise.all(TENANTS.map((tenant) => store.reserve([ask(tenant, "g1", 9)])));
    const admitted = batches.flat().filter(({ kind }) => kind === "admitted");
    assert.equal(admitted.length, 10);
    const again = await store.reserve(TENANTS.map((tenant) => ask(tenant, "g1", 9)));
    assert.equal(again.filter(({ kind }) => kind === "redelivered").length, 10, "a repeat needs no room");
    const [one] = admitted;
    assert.ok(one?.kind === "admitted" && one.room.requests?.limit === 10);
  });

  test("the tokens that a request used correct the global limit", async () => {
    await (await life.begin())?.finish(EMPTY_SNAPSHOT);
    await Promise.all(["rate:global*", "quota:global*"].map(async (pattern) => remove(pattern)));
    const rates = [rateOf({ scope: "global", tokens_per_minute: 100 })];
    const ask = (id: string, tokens: number) => askOf(id, { tenant: "t1" }, { tokens, rates });
    const [one, two] = [await store.reserve([ask("k1", 90)]), await store.reserve([ask("k2", 90)])].flat();
    assert.ok(one?.kind === "admitted" && two?.kind === "refused");
    assert.deepEqual([two.refusal.reason, two.refusal.scope, two.refusal.left], ["rate_tokens", "global", 10]);
    const used = { tokens: { reserved: 90, used: 5 } };
    const entry = entryOf("settled", "k1", one.reservation, { tenant: "t1", settled_nusd: 1, ...used });
    await store.apply([{ partition: 0, offset: "900", entry, caps_nusd: {} }]);
    const [three] = await store.reserve([ask("k3", 90)]);
    assert.equal(three?.kind, "admitted");
  });

  test("entries that a rebuild has read are not applied again, in whatever slot", async () => {
    await (await life.begin())?.finish({ ...EMPTY_SNAPSHOT, applied: new Map([[7, "40"]]) });
    const answers = await store.reserve(TENANTS.map((tenant) => askOf("f1", { tenant })));
    const entries = answers.flatMap((answer, at) => {
      const reservation = answer.kind === "admitted" ? answer.reservation : assert.fail(answer.kind);
      const entry = entryOf("settled", "f1", reservation, { tenant: TENANTS[at] ?? "", settled_nusd: 2 });
      return ["40", `${41 + at}`, `${41 + at}`].map((offset) => ({ partition: 7, offset, entry, caps_nusd: {} }));
    });
    const results = await store.apply(entries);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      TENANTS.flatMap(() => ["skipped", "applied", "skipped"]),
    );
  });

  test("one server that was emptied is a loss of the counters, whoever asks", async () => {
    await (await life.begin())?.finish(EMPTY_SNAPSHOT);
    await allAre("e1", "admitted");
    const cache = new RedisCacheAnswers(redis);
    await cache.setAlive();
    // Not the one that has the life of all.
    const main = nodeOf("budget");
    const emptied = cluster.nodes.find((node) => node !== main) ?? assert.fail();
    await emptied.redis.flushall();
    const others = TENANTS.filter((tenant) => nodeOf(tenant) !== emptied);
    const [there] = await store.reserve([askOf("e2", { tenant: others[0] ?? "" })]);
    assert.equal(there?.kind, "admitted", "what is left is right");
    assert.ok((await kinds("e3")).includes("lost"));
    assert.equal(await life.epoch(), undefined);
    assert.equal(await cache.isAlive(), false);
    await restore();
    await allAre("e4", "admitted");
  });

  test("one server that was killed: work waits, and its return is a loss, for it may have forgotten", async () => {
    const killed = nodeOf("t0");
    await killed.kill();
    await until("it is known to be away", () =>
      kinds("k1").then(
        () => false,
        (error) => isRetryable(error) || assert.fail(error),
      ),
    );
    await killed.start();
    await until("the loss is known", async () => (await kinds("k2")).every((kind) => kind === "lost"));
    assert.equal(await life.epoch(), undefined);
    await restore();
    await allAre("k3", "admitted");
  });

  async function remove(pattern: string): Promise<void> {
    for (const { redis: server } of redis.servers?.masters() ?? []) {
      const keys = await (server as Redis).keys(`own.${pattern}`);
      await Promise.all(keys.map((key) => server.del(key.slice("own.".length))));
    }
  }
});
