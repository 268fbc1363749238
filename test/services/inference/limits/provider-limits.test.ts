/** Headers of providers, and the pauses that follow. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type AnswerHeaders,
  type ProviderWord,
  pauseUntil,
  readProviderLimits,
} from "../../../../services/inference/limits/provider-limits.ts";
import type { ProviderLimits } from "../../../../services/inference/model-client.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

const rows: readonly (readonly [headers: AnswerHeaders, word: ProviderWord])[] = [
  [{}, {}],
  [
    {
      "x-ratelimit-limit-requests": "600",
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-remaining-tokens": "149984",
      "x-ratelimit-reset-requests": "1s",
      "x-ratelimit-reset-tokens": "6m0s",
    },
    {
      limits: { remaining_requests: 0, remaining_tokens: 149_984, reset_requests_ms: 1_000, reset_tokens_ms: 360_000 },
    },
  ],
  [{ "x-ratelimit-reset-requests": "120ms" }, { limits: { reset_requests_ms: 120 } }],
  [{ "x-ratelimit-reset-requests": "1h2m3.5s" }, { limits: { reset_requests_ms: 3_723_500 } }],
  [{ "x-ratelimit-reset-requests": "12.2" }, { limits: { reset_requests_ms: 12_200 } }],
  [{ "x-ratelimit-reset-tokens": "2026-01-01T00:00:30Z" }, { limits: { reset_tokens_ms: 30_000 } }],
  [{ "x-ratelimit-reset-tokens": "2025-12-31T23:00:00Z" }, { limits: { reset_tokens_ms: 0 } }],
  [{ "x-ratelimit-remaining-requests": ["7", "9"] }, { limits: { remaining_requests: 7 } }],
  // What cannot be read says nothing.
  [{ "x-ratelimit-remaining-requests": "-1", "x-ratelimit-reset-tokens": "soon" }, {}],
  [{ "x-ratelimit-reset-requests": "1s1", "retry-after": "x".repeat(1_000) }, {}],
  [{ "retry-after": "2" }, { retry_after_ms: 2_000 }],
  [{ "retry-after": "0.25" }, { retry_after_ms: 250 }],
  [{ "retry-after": "2", "retry-after-ms": "1500" }, { retry_after_ms: 1_500 }],
  [{ "retry-after": "2", "retry-after-ms": "?" }, { retry_after_ms: 2_000 }],
  [{ "retry-after": "Thu, 01 Jan 2026 00:01:00 GMT" }, { retry_after_ms: 60_000 }],
  [{ "retry-after": "Wed, 31 Dec 2025 00:01:00 GMT" }, { retry_after_ms: 0 }],
  [{ "retry-after": "-5" }, {}],
];

describe("headers", () => {
  for (const [headers, word] of rows) {
    test(JSON.stringify(headers).slice(0, 120), () => assert.deepEqual(readProviderLimits(headers, NOW_MS), word));
  }
});

describe("a pause", () => {
  const pause_ms = (limits: ProviderLimits | undefined, retry_after_ms?: number): number =>
    pauseUntil(limits, retry_after_ms, NOW_MS) - NOW_MS;

  test("none while something is left, or nothing is known", () => {
    assert.equal(pause_ms(undefined), 0);
    assert.equal(pause_ms({ remaining_requests: 1, reset_requests_ms: 900 }), 0);
    assert.equal(pause_ms({ remaining_requests: 0 }), 0);
  });

  test("until the empty dimension is back", () => {
    assert.equal(pause_ms({ remaining_requests: 0, reset_requests_ms: 900, reset_tokens_ms: 3_000 }), 900);
    const both = { remaining_requests: 0, reset_requests_ms: 900, remaining_tokens: 0, reset_tokens_ms: 3_000 };
    assert.equal(pause_ms(both), 3_000);
  });

  test("the provider's own word counts first, and nothing stops a tier for good", () => {
    assert.equal(pause_ms({ remaining_requests: 0, reset_requests_ms: 4_000 }, 100), 100);
    assert.equal(pause_ms({ remaining_requests: 0, reset_requests_ms: 60_000 }), 5_000);
    assert.equal(pause_ms(undefined, 86_400_000), 600_000);
  });
});
