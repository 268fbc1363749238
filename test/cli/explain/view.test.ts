/** An explanation as people read it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explanationText } from "../../../cli/explain/view.ts";
import type { Explanation } from "../../../libs/shared/explain/explanation.ts";

const BARE: Explanation = {
  ...{ object: "explanation", id: "r1", tenant: "demo", status: "queued", steps: [], steps_left_out: 0, time: [] },
  ...{ attempts: [], attempts_total: 0, money: { scopes: [], ledger: [] }, deliveries: [], dead_letters: [] },
  ...{ links: { runs: [] }, notes: [] },
};
const FULL: Explanation = {
  ...BARE,
  ...{
    status: "succeeded",
    received_ms: 1_000,
    completed_ms: 1_100,
    total_ms: 100,
    steps_left_out: 2,
    attempts_total: 3,
  },
  steps: [
    {
      at_ms: 1_005,
      service: "ingest",
      what: "admitted",
      topic: "llm.requests",
      partition: 0,
      offset: 1,
      waited_ms: 5,
      worked_ms: 7,
    },
    { at_ms: 1_020, service: "inference", what: "call 1 to e, m: ok", waited_ms: 1, worked_ms: 60 },
  ],
  time: [
    { of: "model", ms: 75 },
    { of: "topics", ms: 25 },
  ],
  decision: {
    tier: "small",
    model: "m",
    endpoint: "e",
    reason: "cheap",
    by: "complexity",
    score: 0.25,
    threshold: 0.5,
    features: { words: 3 },
  },
  cache: {
    outcome: "miss",
    candidates: [{ entry: "abc", similarity: 0.91, probability: 0.4, rejected_by: "numbers" }],
  },
  attempts: [
    {
      tier: "small",
      model: "m",
      endpoint: "e",
      at_ms: 1_020,
      duration_ms: 60,
      outcome: "provider_error",
      status: 503,
      waited_ms: 1,
    },
  ],
  money: {
    ...{ cost_usd: 0.5, reserved_usd: 2, settled_usd: 0.5, price_version: "v1", unknown_calls: 1 },
    tokens: { prompt: 3, cached_prompt: 1, completion: 2 },
    scopes: [{ scope: "tenant_day", subject: "", window: "2026-11-22", cap_usd: 10, reserved_usd: 0, settled_usd: 1 }],
    ledger: [
      {
        topic: "llm.usage",
        partition: 0,
        offset: 4,
        at_ms: 1,
        kind: "settled",
        cause: "result",
        reserved_usd: 2,
        settled_usd: 0.5,
      },
    ],
  },
  deliveries: [
    {
      ...{
        id: "d",
        webhook: "w",
        url: "https://a.example/hook",
        type: "request.completed",
        status: "pending",
        next_ms: 6_000,
      },
      attempts: [{ attempt: 1, at_ms: 1_200, duration_ms: 30, status: 500, error: null }],
    },
  ],
  dead_letters: [
    {
      topic: "llm.dlq",
      partition: 0,
      offset: 3,
      at_ms: 1_090,
      code: "provider_error",
      service: "inference",
      message: "no\u001b[31m",
      action: "redriven",
      target: "llm.requests",
    },
  ],
  links: {
    traceparent: "\u001b[2J00-a",
    runs: [{ id: "r1.redrive1", status: "succeeded" }],
    job: "batch_1",
    corrected_by: "p1",
  },
  notes: ["Kafka could not be read just now"],
};

describe("an explanation for people", () => {
  test("has each section that there is something for", () => {
    const text = explanationText(FULL, 160);
    for (const part of [
      "r1 of demo: succeeded in 100 ms, $0.500000, came 1970-01-01T00:00:01.000Z",
      "model      ███████████████████████░░░░░░░   75 ms",
      "75 %",
      "+5 ms  ingest     admitted              llm.requests 0@1    5 ms   7 ms",
      "· call 1 to e, m: ok",
      "(2 hops in the middle were not kept)",
      "tier small, m at e: cheap",
      "score 0.250 against 0.5",
      "looked at: words 3",
      "abc             0.910       0.400  numbers",
      "provider_error (503)",
      "(of 3)",
      "reserved $2.00, settled $0.500000, cost $0.500000 (prices v1)",
      "1 calls may be billed",
      "tenant_day 2026-11-22  $10.00",
      "llm.usage 0@4",
      "request.completed to https://a.example/hook: pending, next +5.00 s",
      "+200 ms 500 in 30 ms",
      "llm.dlq 0@3 provider_error from inference: no [31m (redriven to llm.requests)",
      "r1.redrive1 (succeeded)",
      "Kafka could not be read just now",
    ]) {
      assert.ok(text.includes(part), `${part}\nin\n${text}`);
    }
    assert.ok(!text.includes("\u001b"), "no control characters of others");
  });

  test("of one under way says where it stands, and no more than is known", () => {
    const now = { what: "waits for room in a limit", topic: "llm.deferred", since_ms: 0, until_ms: 1_000 };
    assert.equal(
      explanationText({ ...BARE, now }, 80),
      "r1 of demo: queued\nnow: waits for room in a limit (llm.deferred) since 1970-01-01T00:00:00.000Z until 1970-01-01T00:00:01.000Z\n",
    );
  });
});
