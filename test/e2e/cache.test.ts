/** The exact cache on the real parts: one call for identical requests, tenants apart, and what a request and a person say of it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { controlRecord } from "../../libs/shared/events/control.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

const MANY = 1_000;
/** Long enough for many of them to arrive meanwhile. */
const LATENCY_MS = 3_000;

describe("the exact cache", () => {
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await startPipeline({
      name: "cache",
      settings: { cache: { exact: { enabled: true }, coalesce: { enabled: true } } },
      scale: { gateway: 0, router: 2 },
    });
  });
  after(() => pipeline.stop());

  const calls = async (): Promise<number> => (await pipeline.mockStats()).calls;

  async function ask(id: string, body: object, more: object = {}): Promise<Result> {
    const request = { tenant: "demo", id: pipeline.id(id), body, ...more };
    await pipeline.produce([{ key: request.id, value: request }]);
    return only(await pipeline.resultsOf([request.id]), request.id);
  }

  const told = (result: Result): unknown[] => [result.status, result.route?.cache, result.usage?.cost_usd === 0];

  test(`answers ${MANY} identical requests at once with one call`, async () => {
    const before_calls = await calls();
    const body = chat(`[[mock latency_ms=${LATENCY_MS}]] the same`);
    const ids = Array.from({ length: MANY }, (_, index) => pipeline.id(`same-${index}`));
    await pipeline.produce(ids.map((id) => ({ key: id, value: { tenant: "demo", id, body } })));
    const results = await pipeline.resultsOf(ids);
    const all = ids.map((id) => only(results, id));
    assert.deepEqual(new Set(all.map(({ status }) => status)), new Set(["succeeded"]));
    assert.equal((await calls()) - before_calls, 1);
    assert.equal(all.filter(({ route }) => route?.cache === "miss").length, 1);
    assert.ok(all.some(({ route }) => route?.cache === "coalesced"));
    assert.equal(new Set(all.map(({ response }) => JSON.stringify(response))).size, 1);
    assert.equal(all.filter(({ usage }) => usage?.cost_usd !== 0).length, 1);
  });

  test("answers an equal request, however it is spelt, and only of the same tenant", async () => {
    const body = chat("once");
    const before_calls = await calls();
    assert.deepEqual(told(await ask("once-1", body)), ["succeeded", "miss", false]);
    assert.deepEqual(told(await ask("once-2", { stream: false, ...body })), ["succeeded", "exact", true]);
    assert.deepEqual(told(await ask("once-3", body, { tenant: "other" })), ["succeeded", "miss", false]);
    const forged = { cache_namespace: "demo" };
    assert.deepEqual(told(await ask("once-4", body, { tenant: "other", metadata: forged })).slice(0, 2), [
      "succeeded",
      "miss",
    ]);
    assert.equal((await calls()) - before_calls, 3);
  });

  test("does as the request says", async () => {
    const body = chat("modes");
    const only_cached = await ask("only-1", body, { cache: { mode: "only" } });
    assert.deepEqual([only_cached.status, only_cached.error?.code], ["rejected", "cache_miss"]);
    assert.equal((await ask("no-store-1", body, { cache: { mode: "no-store" } })).route?.cache, "miss");
    assert.equal((await ask("default-1", body)).route?.cache, "miss");
    assert.equal((await ask("only-2", body, { cache: { mode: "only" } })).route?.cache, "exact");
    assert.equal((await ask("bypass-1", body, { cache: { mode: "bypass" } })).route?.cache, "bypass");
  });

  test("forgets what is invalidated", async () => {
    const body = chat("forget me");
    await ask("forget-1", body);
    const hit = await ask("forget-2", body);
    assert.equal(hit.route?.cache, "exact");
    const selector = { tenant: "demo", entry_id: hit.route?.cache_entry ?? "" };
    const event = controlRecord(pipeline.codec, pipeline.names.control, {
      kind: "invalidate",
      selector,
      at_ms: Date.now(),
    });
    await pipeline.produce([{ ...event, key: String(event.key), value: event.value }]);
    let asked = 0;
    await until("it is asked of the model again", async () => {
      asked += 1;
      return (await ask(`forget-again-${asked}`, body)).route?.cache === "miss";
    });
  });

  test("has its answers back after Redis has lost them", async () => {
    const [first, second] = [chat("lost first"), chat("lost second")];
    await ask("lost-1", first);
    await ask("lost-2", second);
    const redis = new Redis(pipeline.env["REDIS_URL"] ?? "");
    const { key_prefix } = pipeline.settings.redis;
    const keys = async (name: string): Promise<string[]> => redis.keys(`${key_prefix}cache:${name}*`);
    try {
      const answers = (await keys("{demo}:answer:")).length;
      // All that the cache has there, who restored it last among it.
      await redis.del(...(await keys("")), `${key_prefix}leader:cache-restore`);
      // The index knows it: that it is gone is noticed.
      assert.equal((await ask("lost-3", first)).route?.cache, "miss");
      await until("the answers are back", async () => (await keys("{demo}:answer:")).length >= answers);
      assert.equal((await ask("lost-4", second)).route?.cache, "exact");
    } finally {
      redis.disconnect();
    }
  });

  test("keeps no answer that was cut off", async () => {
    const body = chat("cut off", { max_tokens: 1 });
    const first = await ask("cut-1", body);
    assert.equal(first.status, "succeeded");
    assert.equal((await ask("cut-2", body)).route?.cache, "miss");
  });
});
