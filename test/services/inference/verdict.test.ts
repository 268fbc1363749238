/** What every answer means, what it cost, and that nothing a provider sends makes us stumble. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { JobHead } from "../../../libs/shared/events/flow.ts";
import type { ModelAnswer } from "../../../services/inference/model-client.ts";
import { failure, PROVIDER_OUTCOMES, type ProviderOutcome } from "../../../services/inference/provider-outcomes.ts";
import { judge, settledByReceived, type Verdict } from "../../../services/inference/verdict.ts";
import { answered, PRICES } from "./fixture.ts";

const SIZES = { prompt_tokens: 12 };
const pricing = { prices: PRICES, model: "m1", batched: false };
const judged = (answer: ModelAnswer, kind: JobHead["kind"] = "chat"): Verdict => judge(kind, answer, SIZES, pricing);
const error = { error: { message: "the model says no", type: "x" } };

describe("a failure", () => {
  const rows: readonly (readonly [answer: ModelAnswer, outcome: ProviderOutcome, retry_after_ms?: number])[] = [
    [{ kind: "timeout" }, "time-out"],
    [{ kind: "aborted" }, "cancelled"],
    [{ kind: "broken", message: "reset" }, "broken stream"],
    [{ kind: "too_large", bytes_max: 9 }, "too large"],
    [{ kind: "unreachable", message: "ECONNREFUSED" }, "not connected"],
    [{ kind: "unreachable", message: "ECONNRESET", sent: true }, "reset"],
    [answered(429, error), "429"],
    [answered(429, error, 700), "429", 700],
    [answered(500, error), "408, 409, 5xx"],
    [answered(503, "<html>", 50), "408, 409, 5xx", 50],
    [answered(599, ""), "408, 409, 5xx"],
    [answered(408, error), "408, 409, 5xx"],
    [answered(409, error), "408, 409, 5xx"],
    [answered(401, error), "401, 403"],
    [answered(403, error), "401, 403"],
    [answered(404, error), "404"],
    [answered(400, error), "other status"],
    [answered(422, error), "other status"],
    [answered(302, ""), "other status"],
    [answered(200, "not json"), "200, unusable"],
    [answered(200, ""), "200, unusable"],
    [answered(200, "null"), "200, unusable"],
    [answered(200, "[]"), "200, unusable"],
    [answered(200, { data: [] }), "200, unusable"],
    [answered(200, { choices: {} }), "200, unusable"],
  ];
  for (const [answer, outcome, retry_after_ms] of rows) {
    const what = answer.kind === "answered" ? `${answer.status} ${answer.body.toString().slice(0, 20)}` : answer.kind;
    test(`${what} is: ${outcome}`, () => {
      const verdict = judged(answer);
      assert.ok(verdict.kind === "failed");
      const { code, type } = PROVIDER_OUTCOMES[outcome];
      assert.deepEqual([verdict.outcome, verdict.error.code, verdict.error.type], [outcome, code, type]);
      assert.equal(verdict.retry_after_ms, retry_after_ms);
    });
  }

  test("of a success there is none, but of another kind's success", () => {
    assert.equal(judged(answered(200, { choices: [] })).kind, "succeeded");
    assert.equal(judged(answered(200, { data: [] }), "embeddings").kind, "succeeded");
    assert.equal(judged(answered(200, { choices: [] }), "embeddings").kind, "failed");
  });

  test("has the provider's message where it may be shown, shortened; never the provider's words about a key", () => {
    const message = (status: number, text: string): string => {
      const verdict = judged(answered(status, { error: { message: text } }));
      return verdict.kind === "failed" ? verdict.error.message : "";
    };
    assert.equal(message(400, "too long"), "too long");
    assert.equal(message(400, "x".repeat(9_000)).length, 500);
    assert.doesNotMatch(message(401, "Incorrect API key provided: sk-12345"), /sk-/);
  });

  test("nothing that a provider sends makes it throw", () => {
    const status = fc.oneof(fc.constant(200), fc.integer({ min: 100, max: 599 }));
    const kinds = fc.constantFrom("chat" as const, "embeddings" as const);
    fc.assert(
      fc.property(status, fc.oneof(fc.json(), fc.string()), kinds, (code, body, kind) => {
        const verdict = judged(answered(code, body), kind);
        assert.ok(verdict.kind === "failed" || code === 200);
      }),
    );
  });
});

describe("usage", () => {
  const usageOf = (body: object, kind: JobHead["kind"] = "chat") => {
    const verdict = judged(answered(200, body), kind);
    assert.ok(verdict.kind === "succeeded");
    return verdict.usage;
  };

  test("is the provider's", () => {
    const usage = { prompt_tokens: 100, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 60 } };
    assert.deepEqual(usageOf({ choices: [], usage }), {
      prompt_tokens: 100,
      cached_prompt_tokens: 60,
      completion_tokens: 10,
      cost_usd: 110 / 1e6,
      price_version: "v1",
      estimated: false,
    });
  });

  test("of embeddings has no completion, also where it is estimated", () => {
    const usage = usageOf({ data: [], usage: { prompt_tokens: 8 } }, "embeddings");
    assert.deepEqual([usage.prompt_tokens, usage.completion_tokens, usage.estimated], [8, 0, false]);
    const estimated = usageOf({ data: [] }, "embeddings");
    assert.deepEqual([estimated.prompt_tokens, estimated.completion_tokens, estimated.estimated], [12, 0, true]);
  });

  for (const given of [undefined, null, {}, { prompt_tokens: -1 }, { prompt_tokens: "9" }, { prompt_tokens: 1.5 }]) {
    test(`is estimated and says so for ${JSON.stringify(given)}`, () => {
      const usage = usageOf({ choices: [{ message: { content: "hello there" } }], usage: given });
      assert.deepEqual([usage.estimated, usage.prompt_tokens], [true, 12]);
      assert.ok(usage.completion_tokens > 0 && usage.cost_usd > 0);
    });
  }

  test("in a provider's batch has its price", () => {
    const answer = answered(200, { choices: [], usage: { prompt_tokens: 100, completion_tokens: 100 } });
    const verdict = judge("chat", answer, SIZES, { ...pricing, batched: true });
    assert.equal(verdict.usage?.cost_usd, 100 / 1e6);
  });

  test("is never negative and always finite, whatever the counts", () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.anything(), (prompt_tokens, completion_tokens, cached_tokens) => {
        const usage = { prompt_tokens, completion_tokens, prompt_tokens_details: { cached_tokens } };
        const text = JSON.stringify({ choices: [], usage }, (_key, value) => (typeof value === "bigint" ? 1 : value));
        const found = usageOf(JSON.parse(text) as object);
        const { prompt_tokens: prompt, cached_prompt_tokens, completion_tokens: completion, cost_usd } = found;
        for (const count of [prompt, cached_prompt_tokens, completion, cost_usd]) {
          assert.ok(count >= 0 && Number.isFinite(count));
        }
      }),
    );
  });
});

describe("a stream that ended early", () => {
  const broken: Verdict = { kind: "failed", ...failure("broken stream", "x") };

  test("is charged for its prompt and what was received, by estimate", () => {
    const settled = settledByReceived(broken, { chars: 41, chunks: 3 }, SIZES, pricing);
    assert.deepEqual(
      [
        settled.usage?.prompt_tokens,
        settled.usage?.completion_tokens,
        settled.usage?.estimated,
        settled.usage?.cost_usd,
      ],
      [12, 11, true, 23 / 1e6],
    );
    assert.equal(settled.kind, "failed");
  });

  test("is not charged before its first token, and a success has its own usage", () => {
    const short = settledByReceived(broken, { chars: 41, chunks: 30 }, SIZES, pricing);
    assert.equal(short.usage?.completion_tokens, 30, "a chunk is a token at the least");
    assert.equal(settledByReceived(broken, { chars: 0, chunks: 0 }, SIZES, pricing), broken);
    const success = judged(answered(200, { choices: [] }));
    assert.equal(settledByReceived(success, { chars: 99, chunks: 9 }, SIZES, pricing), success);
  });
});
