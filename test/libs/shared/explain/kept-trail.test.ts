/** What is kept of a request's way. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OutcomeHead } from "../../../../libs/shared/events/flow.ts";
import { keptTrailOf, keptTrailText } from "../../../../libs/shared/explain/kept-trail.ts";

const OUTCOME: OutcomeHead = {
  ...{ id: "r1", tenant: "demo", content_hash: "h", status: "succeeded", timing: {} },
  fill: { entry_id: "e1", namespace: "n1", text: "the question", ttl_ms: 1, store: true },
  reservation: { hold_id: "h1", reserved_nusd: 5, tokens: 3, counters: [], at_ms: 1 },
  trace: {
    attempts: [{ tier: "small", model: "m", at_ms: 1, duration_ms: 2, outcome: "ok", waited_ms: 0 }],
    left_out: 2,
  },
};

describe("what is kept of a request's way", () => {
  test("are its places, its calls, what was held, and nothing of the question", () => {
    const headers = { "sluice-trail": "llm.requests 0 1 2 3", "sluice-key-id": "k1", traceparent: "00-a-b-01" };
    const text = keptTrailText(OUTCOME, headers);
    assert.ok(!text.includes("question"));
    assert.deepEqual(keptTrailOf(text), {
      trail: { hops: [{ topic: "llm.requests", partition: 0, offset: 1, read_ms: 2, waited_ms: 3 }] },
      attempts: OUTCOME.trace?.attempts,
      attempts_left_out: 2,
      reservation: OUTCOME.reservation,
      fill: { entry_id: "e1", store: true },
      key_id: "k1",
      traceparent: "00-a-b-01",
    });
  });

  test("of a record with nothing is nothing; what is long was not written by us", () => {
    const { fill: _f, reservation: _r, trace: _t, ...bare } = OUTCOME;
    assert.equal(keptTrailText(bare, { traceparent: "x".repeat(101) }), '{"hops":""}');
    for (const column of [null, "", "x", "{}", '{"hops":1}']) assert.equal(keptTrailOf(column), undefined);
  });
});
