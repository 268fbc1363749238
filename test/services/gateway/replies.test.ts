/** From a Result to an HTTP reply. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { durationText, errorReply, replyOf } from "../../../services/gateway/replies.ts";

const result = (more: Partial<Result>): Result => ({
  id: "r1",
  tenant: "demo",
  status: "succeeded",
  timing: {},
  ...more,
});

describe("a reply", () => {
  test("of a success is the response, with what it took in headers", () => {
    const reply = replyOf(
      result({
        response: { object: "chat.completion" },
        route: { tier: "small", model: "m", reason: "", cache: "exact", attempts: 1 },
        usage: {
          ...{ prompt_tokens: 1, cached_prompt_tokens: 0, completion_tokens: 1 },
          ...{ cost_usd: 0.0000012, price_version: "v", estimated: false },
        },
      }),
    );
    assert.equal(reply.status, 200);
    assert.deepEqual(reply.body, { object: "chat.completion" });
    assert.deepEqual(reply.headers, {
      ...{
        "x-sluice-id": "r1",
        "x-sluice-tier": "small",
        "x-sluice-model": "m",
        "x-sluice-cache": "exact",
        "x-sluice-cost-usd": "0.000001200",
      },
    });
  });

  const rows: readonly (readonly [code: string, status: number])[] = [
    ["invalid_request", 400],
    ["tenant_unknown", 403],
    ["model_unknown", 404],
    ["deadline_exceeded", 504],
    ["provider_rate_limited", 429],
    ["provider_timeout", 504],
    ["provider_unreachable", 502],
    ["provider_error", 502],
    ["provider_garbage", 502],
    ["provider_auth", 502],
    ["provider_rejected", 400],
    ["provider_unavailable", 503],
    ["provider_stream_broken", 502],
    ["attempt_unknown", 502],
    ["cancelled", 499],
    ["budget_exceeded", 402],
    ["tenant_stopped", 402],
    ["rate_limited", 429],
    ["quota_exceeded", 429],
    ["in_flight_exceeded", 429],
    ["price_unknown", 400],
    ["feature_not_allowed", 403],
    ["tier_not_allowed", 403],
    ["principal_not_allowed", 403],
    ["idempotency_key_reused", 422],
    ["something_new", 500],
  ];
  const AGAIN = new Set([
    ...["provider_rate_limited", "provider_unreachable", "provider_error", "provider_unavailable"],
    ...["in_flight_exceeded", "something_new"],
  ]);
  for (const [code, status] of rows) {
    test(`of ${code} is ${status}, in OpenAI's shape`, () => {
      const reply = replyOf(result({ status: "failed", error: { code, type: "api_error", message: "why" } }));
      assert.equal(reply.status, status);
      assert.deepEqual(reply.body, { error: { message: "why", type: "api_error", param: null, code } });
      assert.deepEqual(reply.headers, { "x-sluice-id": "r1", "x-should-retry": String(AGAIN.has(code)) });
    });
  }

  test("says when to come back, in whole seconds and never too early", () => {
    const error = { code: "provider_rate_limited", type: "rate_limit_error", message: "", retry_after_ms: 1_000.5 };
    const { headers } = replyOf(result({ status: "failed", error }));
    assert.deepEqual([headers["retry-after"], headers["retry-after-ms"]], ["2", "1001"]);
  });

  test("of what would be told again is not to be asked for again", () => {
    const error = { code: "provider_unavailable", type: "api_error", message: "" };
    const again = (status: "failed" | "rejected", keyed: boolean) =>
      replyOf(result({ status, error }), {}, keyed).headers["x-should-retry"];
    assert.deepEqual(
      [again("failed", false), again("failed", true), again("rejected", true)],
      ["true", "false", "true"],
    );
  });

  test("says what is left of the rate limits, as OpenAI does", () => {
    const room = {
      requests: { limit: 60, left: 59, reset_ms: 1_000 },
      tokens: { limit: 9_000, left: 0, reset_ms: 360_020 },
    };
    const refusal = { code: "rate_limited", type: "rate_limit_error", message: "", retry_after_ms: 360_020 };
    const expected = {
      ...{
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
      },
      ...{
        "x-ratelimit-limit-tokens": "9000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0.02s",
      },
    };
    const refused = replyOf(result({ status: "rejected", error: refusal }), room);
    assert.deepEqual(refused.headers, {
      ...{ "x-sluice-id": "r1", "x-should-retry": "true", "retry-after": "361", "retry-after-ms": "360020" },
      ...expected,
    });
    assert.deepEqual(replyOf(result({ response: {} }), room).headers, { "x-sluice-id": "r1", ...expected });
    const { requests } = room;
    assert.equal("x-ratelimit-limit-tokens" in replyOf(result({ response: {} }), { requests }).headers, false);
  });

  test("writes durations as Go does", () => {
    const rows = [
      [0, "0ms"],
      [20, "20ms"],
      [1_500, "1.5s"],
      [60_000, "1m0s"],
      [3_599_001, "59m59.001s"],
      [86_400_000, "24h0m0s"],
    ] as const;
    for (const [duration_ms, text] of rows) assert.equal(durationText(duration_ms), text);
  });

  test("of a result without response or error is an error of ours", () => {
    const reply = replyOf(result({}));
    assert.equal(reply.status, 500);
    assert.match(JSON.stringify(reply.body), /internal_error/);
  });

  test("of an error names the field", () => {
    const { body } = errorReply(400, { code: "c", type: "t", message: "m", param: "messages" });
    assert.deepEqual(body, { error: { message: "m", type: "t", param: "messages", code: "c" } });
  });
});
