/** What is sent to the model, and what every answer means (the table of docs/errors.md). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import { priceOf } from "../../../libs/shared/money.ts";
import { callBody, judge, type PriceList, pathFor } from "../../../services/inference/call.ts";
import type { ModelAnswer } from "../../../services/inference/model-client.ts";

const prices: PriceList = {
  version: "v1",
  priceOf: () => priceOf({ input_usd_per_mtok: 1, cached_input_usd_per_mtok: 0.5, output_usd_per_mtok: 2 }),
};
const job = (more: Partial<JobHead> = {}): JobHead => ({
  id: "r1",
  tenant: "demo",
  content_hash: "",
  kind: "chat",
  lane: "interactive",
  timing: {},
  route: { tier: "small", model: "m1", reason: "", cache: "miss", attempts: 0 },
  ...more,
});

describe("the call", () => {
  const sent = (head: JobHead, body: object): unknown =>
    JSON.parse(callBody(head, Buffer.from(JSON.stringify({ tenant: "demo", body }))).toString());
  const messages = [{ role: "user", content: "hi" }];

  test("goes to the path of its kind", () => {
    assert.equal(pathFor("chat"), "/chat/completions");
    assert.equal(pathFor("embeddings"), "/embeddings");
  });

  const rows: readonly (readonly [what: string, max: number | undefined, body: object, expected: object])[] = [
    ["has the routed model", undefined, { model: "auto", messages }, { model: "m1", messages }],
    ["is whole", undefined, { messages, stream: true, stream_options: {} }, { model: "m1", messages }],
    ["keeps what we do not know", undefined, { messages, seed: 7, x: {} }, { model: "m1", messages, seed: 7, x: {} }],
    ["is bounded", 9, { messages }, { model: "m1", messages, max_completion_tokens: 9 }],
    ["is bounded to the lower", 9, { messages, max_tokens: 5 }, { model: "m1", messages, max_tokens: 5 }],
    ["is bounded in the caller's field", 9, { messages, max_tokens: 50 }, { model: "m1", messages, max_tokens: 9 }],
    ["is bounded where null", 9, { messages, max_tokens: null }, { model: "m1", messages, max_tokens: 9 }],
    [
      "is bounded in the newer field",
      9,
      { messages, max_completion_tokens: 50 },
      { model: "m1", messages, max_completion_tokens: 9 },
    ],
  ];
  for (const [what, max_output_tokens, body, expected] of rows) {
    test(what, () =>
      assert.deepEqual(sent(job(max_output_tokens === undefined ? {} : { max_output_tokens }), body), expected),
    );
  }

  test("for embeddings has no bound on output", () => {
    assert.deepEqual(sent(job({ kind: "embeddings", max_output_tokens: 9 }), { input: "a" }), {
      model: "m1",
      input: "a",
    });
  });
});

const answered = (status: number, body: unknown, retry_after_ms?: number): ModelAnswer => ({
  kind: "answered",
  status,
  body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
  ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
});
const error = { error: { message: "the model says no", type: "x" } };

describe("a failure", () => {
  const rows: readonly (readonly [
    answer: ModelAnswer,
    code: string,
    type: string,
    retryable: boolean,
    retry_ms?: number,
  ])[] = [
    [{ kind: "timeout" }, "provider_timeout", "timeout_error", true],
    [{ kind: "unreachable", message: "ECONNREFUSED" }, "provider_unreachable", "api_error", true],
    [answered(429, error), "provider_rate_limited", "rate_limit_error", true],
    [answered(429, error, 700), "provider_rate_limited", "rate_limit_error", true, 700],
    [answered(500, error), "provider_error", "api_error", true],
    [answered(503, "<html>", 50), "provider_error", "api_error", true, 50],
    [answered(599, ""), "provider_error", "api_error", true],
    [answered(408, error), "provider_error", "api_error", true],
    [answered(409, error), "provider_error", "api_error", true],
    [answered(401, error), "provider_auth", "authentication_error", false],
    [answered(403, error), "provider_auth", "authentication_error", false],
    [answered(400, error), "provider_rejected", "invalid_request_error", false],
    [answered(404, error), "provider_rejected", "invalid_request_error", false],
    [answered(422, error), "provider_rejected", "invalid_request_error", false],
    [answered(302, ""), "provider_rejected", "invalid_request_error", false],
    [answered(200, "not json"), "provider_garbage", "api_error", true],
    [answered(200, ""), "provider_garbage", "api_error", true],
    [answered(200, "null"), "provider_garbage", "api_error", true],
    [answered(200, "[]"), "provider_garbage", "api_error", true],
    [answered(200, { data: [] }), "provider_garbage", "api_error", true],
    [answered(200, { choices: {} }), "provider_garbage", "api_error", true],
  ];
  for (const [answer, code, type, retryable, retry_after_ms] of rows) {
    const what = answer.kind === "answered" ? `${answer.status} ${answer.body.toString().slice(0, 20)}` : answer.kind;
    test(`${what} is ${code}`, () => {
      const verdict = judge(job(), answer, prices);
      assert.ok(verdict.kind === "failed");
      assert.deepEqual([verdict.error.code, verdict.error.type, verdict.retryable], [code, type, retryable]);
      assert.equal(verdict.retry_after_ms, retry_after_ms);
    });
  }

  test("has the provider's message where it may be shown, shortened; never the provider's words about a key", () => {
    const message = (status: number, text: string): string => {
      const verdict = judge(job(), answered(status, { error: { message: text } }), prices);
      return verdict.kind === "failed" ? verdict.error.message : "";
    };
    assert.equal(message(400, "too long"), "too long");
    assert.equal(message(400, "x".repeat(9_000)).length, 500);
    assert.doesNotMatch(message(401, "Incorrect API key provided: sk-12345"), /sk-/);
  });

  test("nothing that a provider sends makes it throw", () => {
    const status = fc.oneof(fc.constant(200), fc.integer({ min: 100, max: 599 }));
    fc.assert(
      fc.property(
        status,
        fc.oneof(fc.json(), fc.string()),
        fc.constantFrom("chat", "embeddings"),
        (code, body, kind) => {
          const verdict = judge(job({ kind }), answered(code, body), prices);
          assert.ok(verdict.kind === "failed" || code === 200);
        },
      ),
    );
  });
});

describe("usage", () => {
  const usageOf = (head: JobHead, body: object) => {
    const verdict = judge(head, answered(200, body), prices);
    assert.ok(verdict.kind === "succeeded");
    return verdict.usage;
  };

  test("is the provider's, cached tokens at their price", () => {
    const usage = { prompt_tokens: 100, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 60 } };
    assert.deepEqual(usageOf(job(), { choices: [], usage }), {
      prompt_tokens: 100,
      cached_prompt_tokens: 60,
      completion_tokens: 10,
      cost_usd: (40 * 1 + 60 * 0.5 + 10 * 2) / 1e6,
      price_version: "v1",
      estimated: false,
    });
  });

  test("of embeddings has no completion", () => {
    const usage = usageOf(job({ kind: "embeddings" }), { data: [], usage: { prompt_tokens: 8 } });
    assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.estimated], [8, 0, false]);
  });

  for (const given of [undefined, null, {}, { prompt_tokens: -1 }, { prompt_tokens: "9" }, { prompt_tokens: 1.5 }]) {
    test(`is estimated and says so for ${JSON.stringify(given)}`, () => {
      const usage = usageOf(job(), { choices: [{ message: { content: "hello there" } }], usage: given });
      assert.equal(usage.estimated, true);
      assert.ok(usage.completion_tokens > 0 && usage.cost_usd > 0);
    });
  }

  test("is never negative, and never less than nothing whatever the counts", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (prompt_tokens, completion_tokens, cached_tokens) => {
        const usage = { prompt_tokens, completion_tokens, prompt_tokens_details: { cached_tokens } };
        const text = JSON.stringify({ choices: [], usage }, (_key, value) => (typeof value === "bigint" ? 1 : value));
        const found = usageOf(job(), JSON.parse(text));
        for (const count of [
          found.prompt_tokens,
          found.cached_prompt_tokens,
          found.completion_tokens,
          found.cost_usd,
        ]) {
          assert.ok(count >= 0 && Number.isFinite(count));
        }
      }),
    );
  });
});
