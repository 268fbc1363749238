/** Admission counters on a real Redis: what the model in memory cannot show. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Redis } from "ioredis";
import type { Answer, Applied, Snapshot } from "../../../../../libs/shared/budgets/admission-store.ts";
import { countersOf } from "../../../../../libs/shared/budgets/scopes.ts";
import { isRetryable } from "../../../../../libs/shared/errors.ts";
import { homesOf } from "../../../../../libs/shared/redis/admission/homes.ts";
import { appliedKey, epochKey, holdsKey, lockKey } from "../../../../../libs/shared/redis/admission/keys.ts";
import { RedisCountersLife } from "../../../../../libs/shared/redis/admission/life.ts";
import { RedisAdmissionStore } from "../../../../../libs/shared/redis/admission/redis-store.ts";
import { connectGiven, is_cluster, keysOf, removeKeys, without_redis } from "../../../../support/redis.ts";
import { askOf, EMPTY_SNAPSHOT, entryOf, OPTIONS, rateOf } from "../../budgets/asks.ts";
import { virtualRedis } from "./virtual-redis.ts";

describe("on Redis", { skip: without_redis }, () => {
  let raw: Redis;
  let prefix: string;
  let redis: Redis;
  let store: RedisAdmissionStore;
  let life: RedisCountersLife;
  let opened: Redis[] = [];
  let main: string;

  const connect = async (): Promise<Redis> => {
    const one = await connectGiven("admission-test", prefix);
    opened.push(one);
    return one;
  };
  const restore = async (snapshot: Snapshot = EMPTY_SNAPSHOT): Promise<string> => {
    const epoch = await (await life.begin())?.finish(snapshot);
    assert.ok(epoch !== undefined);
    return epoch;
  };
  const keys = async (pattern: string) =>
    (await keysOf(raw, `${prefix}${pattern}`)).map((key) => key.slice(prefix.length));
  /** As FLUSHALL, of what is ours. */
  const flush = async () => removeKeys(raw, `${prefix}*`);
  const admitted = (answers: readonly (Answer | undefined)[]) =>
    answers.filter((answer) => answer?.kind === "admitted");

  before(async () => {
    raw = await connectGiven("admission-test-raw");
  });
  after(() => raw.disconnect());
  beforeEach(async () => {
    prefix = `test-${randomUUID()}.`;
    redis = await connect();
    main = homesOf(redis).main;
    store = new RedisAdmissionStore(redis, OPTIONS);
    life = new RedisCountersLife(redis, { ...OPTIONS, lock_ttl_ms: 30_000 });
    await restore();
  });
  afterEach(async () => {
    for (const one of opened) one.disconnect();
    opened = [];
    await flush();
  });

  test("200 at once over 4 connections: as many as fit, and the sums are theirs", async () => {
    const stores = await Promise.all([1, 2, 3, 4].map(async () => new RedisAdmissionStore(await connect(), OPTIONS)));
    const needs = { reserved_nusd: 3, session: "s", user: "u", caps_nusd: { session: 412, tenant_day: 1_000 } };
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) => stores[n % 4]?.reserve([askOf(`r${n}`, {}, needs)])),
    );
    assert.equal(admitted(answers.map((one) => one?.[0])).length, 137);
    for (const { reserved_nusd } of await store.read("acme", countersOf(needs, Date.now()))) {
      assert.equal(reserved_nusd, 411);
    }
  });

  test("of 64 with one idempotency key one is admitted", async () => {
    const stores = await Promise.all([1, 2, 3, 4].map(async () => new RedisAdmissionStore(await connect(), OPTIONS)));
    const key = { idempotency: "k", content_hash: "same", has_own_id: false };
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, n) => stores[n % 4]?.reserve([askOf(`r${n}`, key)])),
    );
    const [winner] = admitted(answers.map((one) => one?.[0]));
    assert.equal(admitted(answers.map((one) => one?.[0])).length, 1);
    const first = winner?.kind === "admitted" ? winner.id : "";
    for (const [answer] of answers.map((one) => one ?? [])) {
      if (answer !== winner) assert.deepEqual(answer, { kind: "repeated", id: first });
    }
  });

  // A cluster has one for each server.
  test("a batch is one pipeline, asks and entries alike", { skip: is_cluster }, async () => {
    const sent: number[] = [];
    const pipeline = redis.pipeline.bind(redis);
    redis.pipeline = (...args: Parameters<Redis["pipeline"]>) => {
      const one = pipeline(...args);
      const exec = one.exec.bind(one);
      one.exec = ((...more: []) => {
        sent.push(one.length);
        return exec(...more);
      }) as typeof one.exec;
      return one;
    };
    const asks = Array.from({ length: 50 }, (_, n) => askOf(`r${n}`, { tenant: `t${n % 3}` }));
    await store.reserve([askOf("first")]);
    sent.length = 0;
    const answers = await store.reserve(asks);
    assert.deepEqual(sent, [50]);
    const entries = answers.map((answer, n) => {
      assert.ok(answer.kind === "admitted");
      const tenant = `t${n % 3}`;
      const entry = entryOf("settled", answer.id, answer.reservation, { tenant, settled_nusd: 4 });
      return { partition: 0, offset: String(n), entry, caps_nusd: {} };
    });
    const results = await store.apply(entries);
    assert.deepEqual(sent, [50, 50]);
    assert.ok(results.every(({ kind }) => kind === "applied"));
  });

  test("money is exact up to nine million dollars", async () => {
    const large = 8_999_999_999_999_997;
    const needs = { reserved_nusd: large, caps_nusd: { tenant_month: large + 1 } };
    const [one] = await store.reserve([askOf("a", {}, needs)]);
    const [two] = await store.reserve([askOf("b", {}, { ...needs, reserved_nusd: 2 })]);
    assert.ok(two?.kind === "refused");
    assert.deepEqual([two.refusal.limit, two.refusal.left], [large + 1, 1]);
    assert.ok(one?.kind === "admitted");
    const [again] = await store.reserve([askOf("a", {}, needs)]);
    assert.ok(again?.kind === "redelivered");
    assert.deepEqual(again.reservation, one.reservation);
    const entry = entryOf("settled", "a", one.reservation, { settled_nusd: large - 1 });
    await store.apply([{ partition: 0, offset: "9007199254740991", entry, caps_nusd: {} }]);
    const [sums] = await store.read("acme", countersOf({}, Date.now()));
    assert.deepEqual([sums?.reserved_nusd, sums?.settled_nusd], [0, large - 1]);
  });

  test("another day at the server: windows are its own, whatever our clock says", async () => {
    const virtual = await virtualRedis(["acme"]);
    try {
      const tomorrow = (Math.floor(Date.now() / 86_400_000) + 1) * 86_400_000;
      await virtual.setTime(tomorrow - 1);
      await (await new RedisCountersLife(virtual.redis, OPTIONS).begin())?.finish(EMPTY_SNAPSHOT);
      const other = new RedisAdmissionStore(virtual.redis, OPTIONS);
      const windows = async (id: string) => {
        const [answer] = await other.reserve([askOf(id)]);
        return answer?.kind === "admitted" ? answer.reservation.counters[0]?.window : answer;
      };
      const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
      assert.equal(await windows("a"), dayOf(tomorrow - 1));
      await virtual.setTime(tomorrow);
      assert.equal(await windows("b"), dayOf(tomorrow));
      await virtual.setTime(tomorrow + 40 * 86_400_000);
      assert.equal(await windows("c"), dayOf(tomorrow + 40 * 86_400_000));
    } finally {
      await removeKeys(raw, `${virtual.prefix}*`);
      virtual.redis.disconnect();
    }
  });

  test("a flushed Redis has lost its counters, until they are restored", async () => {
    await store.reserve([askOf("a")]);
    await flush();
    const [answer] = await store.reserve([askOf("b"), askOf("c")]);
    assert.deepEqual(answer, { kind: "lost" });
    const applied: Applied = { partition: 0, offset: "1", entry: entryOf("released", "a", reservation()) };
    assert.deepEqual(await store.apply([{ ...applied, caps_nusd: {} }]), [{ kind: "lost" }]);
    assert.deepEqual(await store.expired(10), []);
    assert.equal(await life.epoch(), undefined);
    const epoch = await restore();
    assert.equal(await life.epoch(), epoch);
    const [again] = await store.reserve([askOf("b")]);
    assert.ok(again?.kind === "admitted" && again.epoch === epoch);
  });

  test("counters that were begun on another server process are lost", async () => {
    const text = await redis.get(epochKey(main));
    await redis.set(epochKey(main), `${text?.split(" ")[0]} ${"0".repeat(40)}`);
    assert.equal(await life.epoch(), undefined);
    assert.deepEqual(await new RedisAdmissionStore(redis, OPTIONS).reserve([askOf("a")]), [{ kind: "lost" }]);
    assert.deepEqual(await store.reserve([askOf("a")]), [{ kind: "lost" }], "though it knew the epoch before");
  });

  test("another life, begun while a store worked, is noticed by it", async () => {
    const other = new RedisAdmissionStore(await connect(), OPTIONS);
    const [one] = await other.reserve([askOf("a")]);
    const epoch = await restore();
    const [two] = await other.reserve([askOf("b")]);
    assert.ok(one?.kind === "admitted" && two?.kind === "admitted");
    assert.notEqual(one.epoch, epoch);
    assert.equal(two.epoch, epoch);
    const [month] = (await store.read("acme", countersOf({}, Date.now()))).slice(-1);
    assert.equal(month?.reserved_nusd, 10, "of the new life only");
    assert.deepEqual(await keys(`*${one.epoch}*{acme}:a`), [], "holds of the old life are cleared away");
    assert.deepEqual(await keys("budget:ended*"), []);
  });

  test("what was restored is what was there", async () => {
    const needs = { user: "u", session: "s", expires_ms: 5_000 };
    const answers = await store.reserve([askOf("a", {}, needs), askOf("b", {}, needs)]);
    const [a, b] = answers.map((answer) => (answer.kind === "admitted" ? answer.reservation : reservation()));
    assert.ok(a !== undefined && b !== undefined);
    const counters = countersOf(needs, Date.now());
    const before = await store.read("acme", counters);
    const snapshot: Snapshot = {
      counters: before.map((sums) => ({ tenant: "acme", ...sums })),
      holds: [a, b].map((one, n) => {
        return { tenant: "acme", id: "ab"[n] ?? "", reservation: one, expires_ms: 5_000 + n, user: "u" };
      }),
      seen: ["a", "b"].map((id) => {
        return { tenant: "acme", id, content_hash: `hash-${id}`, place: `llm.requests 0 ${id}`, settled: false };
      }),
      rates: [a, b].map(({ at_ms, tokens }) => ({ tenant: "acme", user: "u", at_ms, tokens })),
      applied: new Map([[3, "17"]]),
    };
    await flush();
    await restore(snapshot);
    assert.deepEqual(await store.read("acme", counters), before);
    const again = await store.reserve([askOf("a", {}, needs), askOf("b", { place: "x 0 1" }, needs)]);
    assert.deepEqual(
      again.map(({ kind }) => kind),
      ["redelivered", "repeated"],
    );
    assert.deepEqual(
      (await store.expired(10)).map(({ id }) => id),
      ["a", "b"],
    );
    const limits = { in_flight_max: 3, rates: [rateOf({ requests_per_day: 3, requests_per_minute: 9 })] };
    const [c, d] = await store.reserve([askOf("c", {}, limits), askOf("d", {}, { ...limits, in_flight_max: 9 })]);
    assert.ok(c?.kind === "admitted" && c.room.requests?.left === 6, "the last minute is known");
    assert.ok(d?.kind === "refused" && d.refusal.reason === "quota", "and the day");
    const settled = entryOf("settled", "a", a, { settled_nusd: 9 });
    const results = await store.apply([
      { partition: 3, offset: "17", entry: settled, caps_nusd: {} },
      { partition: 3, offset: "18", entry: settled, caps_nusd: {} },
    ]);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["skipped", "applied"],
    );
  });

  test("one restores at a time; one whose lock is gone cannot finish", async () => {
    const first = await life.begin();
    const second = new RedisCountersLife(await connect(), OPTIONS);
    assert.equal(await second.begin(), undefined);
    assert.deepEqual(await store.reserve([askOf("a")]), [{ kind: "lost" }], "while it restores");
    await redis.del(lockKey(main));
    const other = await second.begin();
    await assert.rejects(async () => first?.finish(EMPTY_SNAPSHOT), isRetryable);
    await first?.abandon();
    assert.equal(await life.begin(), undefined, "giving up leaves another's lock alone");
    assert.equal(await other?.finish(EMPTY_SNAPSHOT), await life.epoch());
  });

  test("counters that live are left alone by who restores lost ones; what begin ended it tells", async () => {
    const epoch = await life.epoch();
    assert.equal(await life.begin({ if_lost: true }), undefined);
    assert.equal(await life.epoch(), epoch);
    const ending = await life.begin();
    assert.equal(ending?.ended_life, true);
    await ending?.abandon();
    const restoring = await life.begin({ if_lost: true });
    assert.equal(restoring?.ended_life, false);
    await restoring?.finish(EMPTY_SNAPSHOT);
    assert.notEqual(await life.epoch(), epoch);
  });

  test("every key has an end, but those of the present life's open work", async () => {
    const rates = [rateOf({ requests_per_minute: 9, requests_per_day: 9 })];
    const needs = { user: "u", session: "s", rates };
    const velocity = { window_s: 60, usd_nusd: 1e6 };
    const [a] = await store.reserve([
      askOf("a", { idempotency: "k" }, needs),
      askOf("b", {}, needs),
      askOf("c", {}, { ...needs, caps_nusd: { session: 1 } }),
    ]);
    assert.ok(a?.kind === "admitted");
    const entry = entryOf("settled", "a", a.reservation, { settled_nusd: 9 });
    await store.apply([{ partition: 0, offset: "1", entry, caps_nusd: {}, velocity }]);
    const lasting: string[] = [];
    // Each slot of a cluster has its part of the life.
    const found = (await keys("*")).filter((key) => !is_cluster || !key.startsWith("budget:epoch:"));
    for (const key of found) if ((await raw.pttl(prefix + key)) < 0) lasting.push(key);
    const { epoch } = a;
    const home = homesOf(redis).of("acme");
    const expected = [
      appliedKey(epoch, home),
      ...(is_cluster ? [] : [epochKey("")]),
      `hold:${epoch}:{acme}:b`,
      holdsKey(epoch, home),
      `inflight:${epoch}:{acme}`,
    ];
    assert.deepEqual(lasting.toSorted(), expected.toSorted());
  });

  test("a server that is away is a retryable error", async () => {
    const gone = await connect();
    const away = new RedisAdmissionStore(gone, OPTIONS);
    await away.reserve([askOf("a")]);
    gone.disconnect();
    await assert.rejects(away.reserve([askOf("b")]), isRetryable);
    await assert.rejects(away.read("acme", []), isRetryable);
  });

  const reservation = () => ({ hold_id: "h", reserved_nusd: 1, tokens: 1, counters: [], at_ms: Date.now() });
});
