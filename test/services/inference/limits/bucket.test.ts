/** The bucket against its promise: no window passes the limit, and a backlog uses nearly all of it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { TokenBucket } from "../../../../services/inference/limits/bucket.ts";

const MINUTE_MS = 60_000;
const LIMITS = { requests: 600, tokens: 100_000 };

type Sent = { readonly at_ms: number; readonly amount: number };

/** The most that any window of a minute holds. */
function busiestMinute(sent: readonly Sent[]): number {
  let most = 0;
  let sum = 0;
  let first = 0;
  for (const { at_ms, amount } of sent) {
    sum += amount;
    while ((sent[first] as Sent).at_ms <= at_ms - MINUTE_MS) {
      sum -= (sent[first] as Sent).amount;
      first += 1;
    }
    most = Math.max(most, sum);
  }
  return most;
}

const arrivals = fc.array(
  fc.record({ after_ms: fc.oneof(fc.nat(50), fc.nat(3_000)), tokens: fc.oneof(fc.nat(400), fc.nat(8_000)) }),
  { minLength: 50, maxLength: 1_500 },
);

describe("a token bucket", () => {
  test("starts without a burst, and takes both or nothing", () => {
    const bucket = new TokenBucket({ requests: 60, tokens: 60_000 }, 0);
    assert.equal(bucket.take(0, 1, 5_000), true);
    assert.equal(bucket.take(0, 1, 0), false);
    // 5,000 tokens of 57,900 a minute: the one dimension refuses for both.
    const wait_ms = bucket.wait_ms(0, 1, 100);
    assert.equal(wait_ms, 5_182);
    assert.equal(bucket.take(wait_ms - 1, 1, 100), false);
    assert.equal(bucket.wait_ms(wait_ms - 1, 1, 0), 0, "the refused call took no request");
    assert.equal(bucket.take(wait_ms, 1, 100), true);
  });

  test("gives back what was not used, and is owed what was used beyond", () => {
    const bucket = new TokenBucket({ requests: undefined, tokens: 60_000 }, 0);
    assert.equal(bucket.take(0, 1, 3_000), true);
    bucket.settle(0, 3_000, 3_000);
    const wait_ms = bucket.wait_ms(0, 1, 1);
    bucket.settle(0, 3_000, 1_500);
    assert.ok(Math.abs(bucket.wait_ms(0, 1, 1) - wait_ms / 2) <= 1);
    bucket.settle(0, 1_500, 3_000);
    assert.equal(bucket.wait_ms(0, 1, 1), wait_ms);
  });

  test("never keeps a burst: not of a refund, nor of an idle hour, nor of a share", () => {
    const bucket = new TokenBucket(LIMITS, 0);
    bucket.settle(0, 50_000, 0);
    let now_ms = 3_600_000;
    const burst = (): number => {
      let count = 0;
      while (bucket.take(now_ms, 1, 0)) count += 1;
      return count;
    };
    assert.equal(burst(), 4, "half a hundredth, and the one that leaves a debt");
    now_ms += MINUTE_MS;
    bucket.setRate(now_ms, { requests: 60, tokens: 10_000 });
    assert.equal(burst(), 4, "its own, from before");
    bucket.setRate(now_ms, { requests: 6_000, tokens: 10_000 });
    assert.equal(burst(), 0, "a share that is gained brings none");
  });

  test("lets nothing go where the limit is 0, everything where there is none", () => {
    const none = new TokenBucket({ requests: 0, tokens: undefined }, 0);
    assert.equal(none.take(MINUTE_MS, 1, 1), false);
    assert.equal(none.wait_ms(MINUTE_MS, 1, 1), Number.POSITIVE_INFINITY);
    const free = new TokenBucket({ requests: undefined, tokens: undefined }, 0);
    assert.equal(free.take(0, 1_000, 1e9), true);
    assert.equal(free.take(0, 1_000, 1e9), true);
  });

  test("a clock that is set back fills nothing and stops nothing", () => {
    const bucket = new TokenBucket({ requests: 60, tokens: undefined }, 1e9);
    assert.equal(bucket.take(1e9, 1, 0), true);
    assert.equal(bucket.take(0, 1, 0), false);
    assert.equal(bucket.take(bucket.wait_ms(0, 1, 0), 1, 0), true);
  });

  test("no window passes 101 % and one call above 2 %, whatever arrives", () => {
    fc.assert(
      fc.property(arrivals, (calls) => {
        const bucket = new TokenBucket(LIMITS, 0);
        const requests: Sent[] = [];
        const tokens: Sent[] = [];
        let now_ms = 0;
        let oversized = 0;
        for (const call of calls) {
          now_ms += call.after_ms;
          if (!bucket.take(now_ms, 1, call.tokens)) continue;
          requests.push({ at_ms: now_ms, amount: 1 });
          tokens.push({ at_ms: now_ms, amount: call.tokens });
          if (call.tokens > 0.02 * LIMITS.tokens) oversized = Math.max(oversized, call.tokens);
        }
        assert.ok(busiestMinute(requests) <= LIMITS.requests * 1.01);
        assert.ok(busiestMinute(tokens) <= LIMITS.tokens * 1.01 + oversized);
      }),
      { numRuns: 100 },
    );
  });

  test("under a backlog at least 95 % are used, with timers that fire late, and at most 101 %", () => {
    const length = { minLength: 1, maxLength: 20 };
    // Now the one dimension is the narrow one, now the other.
    const sizes = fc.oneof(
      fc.array(fc.integer({ min: 1, max: 100 }), length),
      fc.array(fc.integer({ min: 250, max: 4_000 }), length),
    );
    const late = fc.array(fc.nat(200), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, late, (tokens_of, late_ms) => {
        const bucket = new TokenBucket(LIMITS, 0);
        const requests: Sent[] = [];
        const tokens: Sent[] = [];
        let now_ms = 0;
        for (let at = 0; now_ms < 6 * MINUTE_MS; at += 1) {
          const amount = tokens_of[at % tokens_of.length] as number;
          const wait_ms = bucket.wait_ms(now_ms, 1, amount);
          if (wait_ms > 0) now_ms += wait_ms + (late_ms[at % late_ms.length] as number);
          assert.ok(bucket.take(now_ms, 1, amount));
          requests.push({ at_ms: now_ms, amount: 1 });
          tokens.push({ at_ms: now_ms, amount });
        }
        const used = (sent: readonly Sent[]): number =>
          sent.reduce((sum, { amount }) => sum + amount, 0) / (now_ms / MINUTE_MS);
        assert.ok(Math.max(used(requests) / LIMITS.requests, used(tokens) / LIMITS.tokens) >= 0.95);
        assert.ok(busiestMinute(requests) <= LIMITS.requests * 1.01);
        assert.ok(busiestMinute(tokens) <= LIMITS.tokens * 1.01);
      }),
      { numRuns: 50 },
    );
  });
});
