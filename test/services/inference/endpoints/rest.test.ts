import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallReport } from "../../../../services/inference/backend.ts";
import { REST_UNSAID_MS, type Rest, restAfter } from "../../../../services/inference/endpoints/rest.ts";

const SPENT = { remaining_requests: 0, reset_requests_ms: 300 };

type Row = readonly [what: string, report: Partial<CallReport>, one_key: Rest | undefined, keys?: Rest | undefined];

const key = (ms: number): Rest => ({ of: "key", ms });

const TABLE: readonly Row[] = [
  ["an answer", { end: "answered" }, undefined],
  ["an answer with something left", { end: "answered", limits: { ...SPENT, remaining_requests: 1 } }, undefined],
  ["an answer with no requests left", { end: "answered", limits: SPENT }, key(300)],
  [
    "an answer with no tokens left",
    { end: "answered", limits: { remaining_tokens: 0, reset_tokens_ms: 700 } },
    key(700),
  ],
  ["429 with Retry-After", { end: "overloaded", retry_after_ms: 2_000, limits: SPENT }, key(2_000)],
  ["429 with a reset", { end: "overloaded", limits: { remaining_tokens: 0, reset_tokens_ms: 900 } }, key(900)],
  ["429 without a word", { end: "overloaded" }, undefined, key(REST_UNSAID_MS)],
  ["503 with Retry-After", { end: "failed", retry_after_ms: 500 }, { of: "endpoint", ms: 500 }],
  ["a failure without a word", { end: "failed", limits: SPENT }, undefined],
  ["a refused key", { end: "key_refused", retry_after_ms: 500 }, undefined],
];

for (const [what, report, one_key, keys = one_key] of TABLE) {
  test(what, () => {
    const whole: CallReport = { end: "answered", latency_ms: 1, ...report };
    assert.deepEqual(restAfter(whole, false), one_key);
    assert.deepEqual(restAfter(whole, true), keys);
  });
}
