import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BoundedMap } from "../../../tools/mock-llm/bounded.ts";
import { PrefixCache } from "../../../tools/mock-llm/prefix-cache.ts";
import { formatReset, limitHeaders, newBucket, RateLimiter, take } from "../../../tools/mock-llm/rate-limit.ts";
import { MockStats } from "../../../tools/mock-llm/stats.ts";

describe("rate limits", () => {
  test("a burst of the limit passes, the next waits as long as it is told", () => {
    const limits = { rpm: 60, tpm: undefined };
    const bucket = newBucket(limits, 0);
    for (let i = 0; i < 60; i += 1) assert.ok(take(bucket, limits, 0, 0).allowed);
    const refused = take(bucket, limits, 0, 0);
    assert.deepEqual([refused.allowed, refused.refused_by, refused.retry_after_ms], [false, "requests", 1_000]);
    assert.ok(!take(bucket, limits, 0, 999).allowed);
    assert.ok(take(bucket, limits, 0, 1_000).allowed);
  });

  test("tokens are taken all or nothing", () => {
    const limits = { rpm: 10, tpm: 100 };
    const bucket = newBucket(limits, 0);
    assert.ok(take(bucket, limits, 80, 0).allowed);
    const refused = take(bucket, limits, 30, 0);
    assert.deepEqual([refused.allowed, refused.refused_by], [false, "tokens"]);
    assert.equal(refused.requests?.remaining, 9);
    assert.equal(refused.tokens?.remaining, 20);
  });

  test("over any time no more passes than the burst and the rate allow", () => {
    const steps = fc.array(fc.record({ gap_ms: fc.nat(5_000), tokens: fc.nat(50) }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (calls) => {
        const limits = { rpm: 30, tpm: 600 };
        const bucket = newBucket(limits, 0);
        let now_ms = 0;
        let passed = 0;
        let tokens = 0;
        for (const call of calls) {
          now_ms += call.gap_ms;
          if (!take(bucket, limits, call.tokens, now_ms).allowed) continue;
          passed += 1;
          tokens += call.tokens;
        }
        assert.ok(passed <= 30 + (now_ms * 30) / 60_000 + 1e-6);
        assert.ok(tokens <= 600 + (now_ms * 600) / 60_000 + 1e-6);
      }),
    );
  });

  test("headers speak of the limits there are", () => {
    const verdict = new RateLimiter({ rpm: 60, tpm: undefined }).take("m", 5, 0);
    assert.ok(verdict);
    assert.deepEqual(limitHeaders(verdict), {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1s",
    });
    assert.equal(new RateLimiter({ rpm: undefined, tpm: undefined }).take("m", 5, 0), undefined);
  });

  for (const [reset_ms, text] of [
    [0, "0ms"],
    [12, "12ms"],
    [1_500, "1.5s"],
    [360_000, "6m0s"],
  ] as const) {
    test(`${reset_ms} ms is ${text}`, () => assert.equal(formatReset(reset_ms), text));
  }
});

describe("prefix cache", () => {
  const options = { min_tokens: 128, blocks_per_model_max: 8, models_max: 2 };
  const system = "s".repeat(512) + "t".repeat(512);

  test("the shared prefix counts, in steps of 128 tokens, for each model alone", () => {
    const cache = new PrefixCache(options);
    assert.equal(cache.use("m", `${system}first question`), 0);
    assert.equal(cache.use("m", `${system}another one`), 256);
    assert.equal(cache.use("m", `${system.slice(0, 600)}${"x".repeat(600)}`), 128);
    assert.equal(cache.use("n", `${system}another one`), 0);
    assert.equal(cache.use("m", `x${system}`), 0);
  });

  test("short prompts are not cached", () => {
    const cache = new PrefixCache({ ...options, min_tokens: 1_024 });
    cache.use("m", system);
    assert.equal(cache.use("m", system), 0);
  });

  test("what was used longest ago goes first", () => {
    const cache = new PrefixCache(options);
    cache.use("m", system);
    for (const letter of "abcd") cache.use("m", letter.repeat(1_024));
    assert.equal(cache.use("m", system), 0);
    assert.equal(cache.use("m", "d".repeat(1_024)), 256);
  });
});

describe("stats", () => {
  const call = { path: "/v1/chat/completions", model: "m", key: "k", id: "a", at_ms: 0 };

  test("calls, concurrency, repeats and spend", () => {
    const stats = new MockStats();
    assert.equal(stats.begin(call), 1);
    assert.equal(stats.begin(call), 2);
    assert.equal(stats.begin({ ...call, id: "b" }), 1);
    stats.spend({ model: "m", id: "a", at_ms: 0, prompt_tokens: 5, cached_prompt_tokens: 1, completion_tokens: 7 });
    stats.end();
    const now = stats.snapshot();
    assert.deepEqual([now.calls, now.billed_calls, now.concurrency, now.max_concurrency], [3, 1, 2, 3]);
    assert.deepEqual([now.unique_requests, now.max_calls_per_request], [2, 2]);
    assert.deepEqual(now.by_model["m"], { calls: 3, prompt_tokens: 5, completion_tokens: 7 });
    assert.deepEqual(stats.callsById(2, 10), {
      known: 2,
      forgotten: 0,
      matching: 1,
      ids: [{ id: "a", calls: 2, billed_calls: 1 }],
    });
  });

  test("a reset forgets all but what is in flight", () => {
    const stats = new MockStats();
    stats.begin(call);
    stats.reset();
    const now = stats.snapshot();
    assert.deepEqual([now.calls, now.concurrency, now.max_concurrency], [0, 1, 1]);
    assert.equal(stats.begin(call), 1);
  });

  test("models called like a prototype's field are models", () => {
    const stats = new MockStats();
    stats.begin({ ...call, model: "__proto__" });
    stats.begin({ ...call, model: "constructor" });
    assert.match(JSON.stringify(stats.snapshot()), /"__proto__":\{"calls":1/);
  });
});

test("a bounded map keeps the youngest", () => {
  const keys = fc.array(fc.string({ maxLength: 2 }), { maxLength: 50 });
  fc.assert(
    fc.property(keys, fc.integer({ min: 1, max: 8 }), (all, size_max) => {
      const map = new BoundedMap<number>(size_max);
      for (const [at, key] of all.entries()) map.set(key, at);
      const expected = [...new Set(all.toReversed())].slice(0, size_max).reverse();
      assert.deepEqual(
        [...map.entries()].map(([key]) => key),
        expected,
      );
    }),
  );
});
