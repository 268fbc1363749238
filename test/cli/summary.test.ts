import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatSummary } from "../../cli/output/summary.ts";
import { Pending } from "../../cli/requests/pending.ts";
import { LatencyHistogram, Tally } from "../../cli/requests/summary.ts";
import type { Result } from "../../libs/shared/events/flow.ts";

test("percentiles are the nearest rank's, within 1 %", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1 }),
      fc.constantFrom(0.5, 0.95, 1),
      (values, share) => {
        const histogram = new LatencyHistogram();
        for (const value of values) histogram.add(value);
        const exact = values.sort((a, b) => a - b)[Math.ceil(share * values.length) - 1] as number;
        const found = histogram.percentile_ms(share) as number;
        assert.ok(Math.abs(found - exact) <= exact * 0.0101, `${found} for ${exact}`);
      },
    ),
  );
  assert.equal(new LatencyHistogram().percentile_ms(0.5), undefined);
});

test("a tally adds up statuses, caches, tokens and exact money", () => {
  const tally = new Tally();
  tally.read = 3;
  tally.sent = 3;
  const usage = {
    prompt_tokens: 10,
    cached_prompt_tokens: 0,
    completion_tokens: 2,
    cost_usd: 0.1,
    price_version: "1",
    estimated: false,
  };
  const route = { tier: "small", model: "m", reason: "r", cache: "miss", attempts: 1 } as const;
  const result: Result = { id: "a", tenant: "t", status: "succeeded", timing: {}, route, usage };
  tally.result(result, 100);
  tally.result({ ...result, usage: { ...usage, cost_usd: 0.2 } }, 100);
  tally.result({ id: "b", tenant: "t", status: "rejected", timing: {} }, 100);
  const summary = tally.summary(2_000);
  assert.deepEqual(summary, {
    read: 3,
    bad: 0,
    sent: 3,
    by_status: { succeeded: 2, rejected: 1 },
    by_cache: { miss: 2 },
    unanswered: 0,
    repeated_ids: 0,
    prompt_tokens: 20,
    completion_tokens: 4,
    cost_usd: 0.3,
    elapsed_ms: 2_000,
    p50_ms: 100,
    p95_ms: 100,
    requests_per_second: 1.5,
  });
  assert.equal(
    formatSummary(summary, true),
    "sent 3, succeeded 2, rejected 1\n20 + 4 tokens, $0.300000, p50 100 ms, p95 100 ms, 1.5 req/s over 2.00 s",
  );
});

test("an id is waited for once, in its tenant, and not for ever", () => {
  const pending = new Pending(1_000);
  assert.equal(pending.expect("t", "a", 0), true);
  assert.equal(pending.expect("t", "a", 0), false);
  assert.equal(pending.expect("u", "a", 500), true);
  assert.equal(pending.answer("t", "b", 10), undefined);
  assert.equal(pending.answer("t", "a", 10), 10);
  assert.equal(pending.answer("t", "a", 11), undefined);
  assert.equal(pending.expect("t", "a", 12), false);
  assert.deepEqual(pending.expire(1_499), []);
  assert.deepEqual(pending.expire(1_500), ["a"]);
  assert.equal(pending.size, 0);
});
