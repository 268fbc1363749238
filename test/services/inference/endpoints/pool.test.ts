import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CallReport, Permit } from "../../../../services/inference/backend.ts";
import type { Strategy } from "../../../../services/inference/endpoints/choice.ts";
import { KEY_REFUSED_MS } from "../../../../services/inference/endpoints/keys.ts";
import { Prober } from "../../../../services/inference/endpoints/prober.ts";
import { ANSWERED, BREAKER, createFixture, FAILED, HEALTH, type KeyClient } from "./pool-fixture.ts";

const keyOf = ({ client }: Permit): string | undefined => (client as KeyClient).key;

describe("distribution", () => {
  const endpoints = [
    { name: "a", weight: 3, keys: [undefined] },
    { name: "b", weight: 1, keys: [undefined] },
  ];
  const latency: Readonly<Record<string, number>> = { a: 100, b: 400 };
  const shares: readonly (readonly [Strategy, low: number, high: number])[] = [
    ["round_robin", 0.5, 0.5],
    ["weighted", 0.75, 0.75],
    ["least_in_flight", 0.45, 0.55],
    ["peak_ewma", 0.7, 1],
    ["adaptive", 0.85, 0.95],
  ];
  for (const [strategy, low, high] of shares) {
    test(`${strategy} gives endpoint a its share`, async () => {
      const { calls } = createFixture(["a", "b"], { strategy, endpoints });
      const taken = await calls(400, (name) => ({ end: "answered", latency_ms: latency[name] as number }));
      const share = (taken["a"] ?? 0) / 400;
      assert.ok(share >= low && share <= high, `${share}`);
    });
  }

  test("the line is one: whichever endpoint has room first serves the first that waits", async () => {
    const { ask, pass, pool } = createFixture(["a", "b"], { limit: 1 });
    const [one, other] = [(await ask()) as Permit, (await ask()) as Permit];
    assert.equal(pool.hasRoom(), false);
    const waiting = [ask(), ask()];
    await pass(300);
    assert.equal(pool.waiting, 2);
    other.end(ANSWERED);
    const third = (await waiting[0]) as Permit;
    assert.equal(third.endpoint, other.endpoint);
    assert.deepEqual(third.waited_ms, { concurrency: 300 });
    await pass(200);
    one.end(ANSWERED);
    assert.deepEqual(((await waiting[1]) as Permit).waited_ms, { concurrency: 500 });
  });
});

describe("health", () => {
  test("a failing endpoint gets no calls, and comes back by way of probes and answers", async () => {
    const { calls, changes, pool, pass, clock } = createFixture(["a", "b"]);
    let up = false;
    const asked: string[] = [];
    const probe = async (name: string): Promise<boolean> => {
      asked.push(name);
      return up;
    };
    const prober = new Prober(pool, probe, HEALTH, clock);
    const endOf = (name: string): CallReport => (name === "a" && !up ? FAILED : ANSWERED);
    await calls(10, endOf);
    assert.deepEqual(changes, ["a healthy→unhealthy"]);
    assert.deepEqual(await calls(50, endOf), { b: 50 });
    await pass(3_500);
    assert.deepEqual(asked, ["a", "a", "a"]);
    assert.deepEqual(changes.length, 1);
    up = true;
    await pass(2_000);
    assert.deepEqual(changes.slice(1), ["a unhealthy→degraded"]);
    const share = (await calls(30, endOf))["a"] ?? 0;
    assert.ok(share >= 1 && share < 8, `${share} of 30 calls to a degraded endpoint`);
    await calls(100, endOf);
    assert.deepEqual(changes.slice(2), ["a degraded→healthy"]);
    assert.deepEqual(await calls(10, endOf), { a: 5, b: 5 });
    prober.close();
  });

  test("with nothing else, an unhealthy endpoint is called all the same", async () => {
    const { calls, pool } = createFixture(["a"]);
    await calls(10, () => FAILED);
    assert.equal(pool.views()[0]?.health, "unhealthy");
    assert.deepEqual(await calls(3), { a: 3 });
  });

  test("429 is not ill health", async () => {
    const { calls, pool } = createFixture(["a", "b"]);
    await calls(40, (name) => (name === "a" ? { end: "overloaded", latency_ms: 5 } : ANSWERED));
    assert.deepEqual(
      pool.views().map(({ health, breaker }) => [health, breaker]),
      [
        ["degraded", "closed"],
        ["healthy", "closed"],
      ],
    );
  });
});

describe("avoid", () => {
  test("another endpoint is taken, or waited for while it is only busy", async () => {
    const { ask, permit, calls, pass } = createFixture(["a", "b"], { limit: 1 });
    const avoid = new Set(["a"]);
    assert.deepEqual(await calls(3, undefined, { avoid }), { b: 3 });
    const busy = await permit({ avoid });
    const waiting = ask({ avoid });
    await pass(50);
    assert.equal((await permit()).endpoint, "a", "whoever may go there is not held up by one that may not");
    busy.end(ANSWERED);
    assert.equal(((await waiting) as Permit).endpoint, "b");
  });

  test("it is taken when every endpoint is to be avoided, or no other is usable", async () => {
    const { calls } = createFixture(["a", "b"]);
    assert.deepEqual(await calls(4, undefined, { avoid: new Set(["a", "b"]) }), { a: 2, b: 2 });
    await calls(12, (name) => (name === "b" ? FAILED : ANSWERED));
    assert.deepEqual(await calls(4, undefined, { avoid: new Set(["a"]) }), { a: 4 });
  });
});

describe("breaker", () => {
  const breaker = { ...BREAKER, calls_min: 4 };

  test("it opens on failures, lets one call try, and closes on its success", async () => {
    const { ask, calls, changes, pass, pool } = createFixture(["a"], { breaker });
    await calls(4, () => FAILED);
    assert.deepEqual(changes, ["a closed→open"]);
    const waiting = [ask(), ask()];
    await pass(5_000);
    const trial = (await waiting[0]) as Permit;
    assert.deepEqual(trial.waited_ms, { breaker: 5_000 });
    await pass(1_000);
    assert.equal(pool.waiting, 1);
    trial.end(ANSWERED);
    assert.deepEqual(((await waiting[1]) as Permit).waited_ms, { breaker: 6_000 });
    assert.ok(changes.includes("a open→half_open") && changes.includes("a half_open→closed"));
  });

  test("a trial that is not made after all makes way for the next", async () => {
    const { ask, calls, pass } = createFixture(["a"], { breaker });
    await calls(4, () => FAILED);
    const waiting = [ask(), ask()];
    await pass(5_000);
    ((await waiting[0]) as Permit).end(undefined);
    assert.equal((await waiting[1])?.kind, "permit");
  });

  test("only failures open it", async () => {
    const { calls, pool } = createFixture(["a"], { breaker });
    for (const end of ["answered", "overloaded", "key_refused", "aborted"] as const) {
      await calls(10, () => ({ end, latency_ms: 1 }));
    }
    assert.equal(pool.views()[0]?.breaker, "closed");
  });

  test("another endpoint takes over without a wait", async () => {
    const { calls } = createFixture(["a", "b"], { breaker });
    await calls(8, (name) => (name === "a" ? FAILED : ANSWERED));
    assert.deepEqual(await calls(10), { b: 10 });
  });
});

describe("keys", () => {
  const endpoints = [{ name: "a", weight: 1, keys: ["k0", "k1"] }];

  test("they are used in turn; a refused one is left out for a while", async () => {
    const { permit, calls, changes, pass, pool } = createFixture(["a"], { endpoints });
    const keys: (string | undefined)[] = [];
    for (let call = 0; call < 4; call += 1) {
      const one = await permit();
      keys.push(keyOf(one));
      one.end(keyOf(one) === "k0" ? { end: "key_refused", latency_ms: 5 } : ANSWERED);
    }
    assert.deepEqual(keys, ["k0", "k1", "k1", "k1"]);
    assert.deepEqual(changes, ["a key 0"]);
    assert.equal(pool.views()[0]?.keys_alive, 1);
    assert.equal(pool.views()[0]?.health, "healthy");
    await pass(KEY_REFUSED_MS);
    assert.equal(keyOf(await permit()), "k0");
    await calls(1);
  });

  test("with all keys refused the endpoint is unhealthy until one may be tried again", async () => {
    const { calls, pass, pool } = createFixture(["a", "b"], {
      endpoints: [...endpoints, { name: "b", weight: 1, keys: ["x"] }],
    });
    await calls(4, (name) => (name === "a" ? { end: "key_refused", latency_ms: 5 } : ANSWERED));
    assert.equal(pool.views()[0]?.health, "unhealthy");
    assert.deepEqual(await calls(10), { b: 10 });
    await pass(KEY_REFUSED_MS);
    assert.equal(pool.views()[0]?.health, "healthy");
  });

  test("429 rests the key and not the endpoint", async () => {
    const { permit, limiter, pool, pass } = createFixture(["a"], { endpoints });
    (await permit()).end({ end: "overloaded", latency_ms: 5, retry_after_ms: 2_000 });
    assert.equal(pool.views()[0]?.resting_ms, 0);
    for (let call = 0; call < 3; call += 1) assert.equal(keyOf(await permit()), "k1");
    assert.ok(!limiter.told.some((what) => what.startsWith("pause")));
    await pass(2_000);
    assert.equal(keyOf(await permit()), "k0");
  });
});

describe("the provider's limits", () => {
  test("Retry-After rests one endpoint of several", async () => {
    const { permit, calls, limiter, pass } = createFixture(["a", "b"]);
    const one = await permit();
    assert.equal(one.endpoint, "a");
    one.end({ end: "overloaded", latency_ms: 5, retry_after_ms: 2_000 });
    assert.deepEqual(await calls(6), { b: 6 });
    assert.ok(!limiter.told.some((what) => what.startsWith("pause")));
    await pass(2_000);
    assert.deepEqual(await calls(4), { a: 2, b: 2 });
  });

  test("of a single endpoint it pauses the tier, and is waited for as a limit", async () => {
    const { permit, ask, limiter, pass, clock } = createFixture(["a"]);
    const until_ms = clock.now_ms() + 2_000;
    (await permit()).end({ end: "overloaded", latency_ms: 5, retry_after_ms: 2_000 });
    assert.equal(limiter.told.at(-1), `pause ${until_ms}`);
    const waiting = ask();
    await pass(2_000);
    assert.deepEqual(((await waiting) as Permit).waited_ms, { limit: 2_000 });
  });

  test("the rate limit is taken for the partition, and corrected by what was used", async () => {
    const { permit, limiter } = createFixture(["a"]);
    const needs = { requests: 3, tokens: 900 };
    (await permit(needs)).end({ ...ANSWERED, tokens: 350 });
    (await permit(needs)).end(FAILED);
    (await permit(needs)).end(undefined);
    const take = "take 3 900 jobs/3";
    assert.deepEqual(limiter.told, [take, "settle 900 350", take, "settle 900 ?", take, "back 3 900"]);
  });
});

describe("waits", () => {
  test("each reason is named with its time", async () => {
    const { ask, permit, limiter, pass } = createFixture(["a"], { limit: 1 });
    const busy = await permit();
    limiter.hold();
    const waiting = ask();
    await pass(100);
    busy.end({ end: "overloaded", latency_ms: 5, retry_after_ms: 300 });
    await pass(300);
    await pass(50);
    limiter.open();
    assert.deepEqual(((await waiting) as Permit).waited_ms, { concurrency: 100, limit: 350 });
  });

  test("they end with until_ms, and say what for", async () => {
    const { ask, permit, pass, pool, clock } = createFixture(["a"], { limit: 1 });
    await permit();
    const waiting = ask({ until_ms: clock.now_ms() + 250 });
    await pass(1_000);
    assert.deepEqual(await waiting, { kind: "refused", reason: "concurrency", waited_ms: { concurrency: 250 } });
    assert.equal(pool.waiting, 0);
    assert.equal((await ask({ until_ms: clock.now_ms() })).kind, "refused");
  });

  test("no until_ms is no reason to end", async () => {
    const { ask, permit, pass } = createFixture(["a"], { limit: 1 });
    const busy = await permit();
    const waiting = ask({ until_ms: Number.POSITIVE_INFINITY });
    await pass(3_600_000);
    busy.end(ANSWERED);
    assert.equal((await waiting).kind, "permit");
  });

  test("the signal ends a wait in line and one for the limit; nothing stays taken", async () => {
    const { ask, permit, limiter, pass, concurrency, pool } = createFixture(["a"], { limit: 1 });
    const busy = await permit();
    const [in_line, for_limit] = [new AbortController(), new AbortController()];
    const first = ask({ signal: in_line.signal });
    const second = ask({ signal: for_limit.signal });
    await pass(10);
    in_line.abort();
    assert.deepEqual(await first, { kind: "refused", reason: "concurrency", waited_ms: { concurrency: 10 } });
    limiter.hold();
    busy.end(ANSWERED);
    await pass(20);
    for_limit.abort();
    assert.deepEqual(await second, { kind: "refused", reason: "limit", waited_ms: { concurrency: 10, limit: 20 } });
    assert.equal(concurrency.get("a")?.in_flight, 0);
    assert.equal(pool.waiting, 0);
    const aborted = new AbortController();
    aborted.abort();
    assert.equal((await ask({ signal: aborted.signal })).kind, "refused");
  });

  test("an endpoint that falls ill during the wait for the limit is left for another", async () => {
    const { ask, permit, limiter, pass, concurrency } = createFixture(["a", "b"], { limit: 8 });
    const busy = [];
    for (let call = 0; call < 10; call += 1) busy.push(await permit());
    limiter.hold();
    const waiting = ask();
    await pass();
    for (const one of busy) one.end(one.endpoint === "a" ? FAILED : ANSWERED);
    limiter.open();
    assert.equal(((await waiting) as Permit).endpoint, "b");
    assert.deepEqual(limiter.told.slice(-2), ["back 1 10", "take 1 10 jobs/3"]);
    assert.equal(concurrency.get("a")?.in_flight, 0);
  });
});

test("a permit ends once", async () => {
  const { permit, concurrency, limiter } = createFixture(["a"]);
  const one = await permit();
  one.end({ ...ANSWERED, tokens: 5 });
  one.end({ ...FAILED, tokens: 7 });
  one.end(undefined);
  assert.deepEqual(concurrency.get("a")?.released, ["answered"]);
  assert.deepEqual(limiter.told.slice(1), ["settle 10 5"]);
});

test("views show what there is to see", async () => {
  const { permit, calls, pool } = createFixture(["a"]);
  assert.equal(pool.views()[0]?.unknown, true);
  await calls(3, () => ANSWERED);
  (await permit()).end({ end: "failed", latency_ms: 5 });
  await permit();
  const [view] = pool.views();
  assert.deepEqual(view, {
    name: "a",
    weight: 1,
    health: "healthy",
    breaker: "closed",
    in_flight: 1,
    limit: 4,
    ewma_ms: 1_000,
    error_ratio: 0.25,
    keys: 1,
    keys_alive: 1,
    resting_ms: 0,
    unknown: false,
  });
});
