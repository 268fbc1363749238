/** A token bucket as one number. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type BucketState,
  bucketLeft,
  bucketWait_ms,
  firstFullAt_us,
  refill_us,
} from "../../../../libs/shared/budgets/token-bucket.ts";

const NOW_US = 1_000_000_000;
/** One a second, ten at once. */
const bucket = (missing: number): BucketState => {
  return { full_at_us: NOW_US + missing * 1_000_000, now_us: NOW_US, per_minute: 60, burst_us: 10_000_000 };
};

test("what is missing comes back at the limit's rate", () => {
  assert.equal(refill_us(3, 60), 3_000_000);
  assert.equal(refill_us(1, 7), 8_571_429, "rounded up: never more than the limit");
  assert.deepEqual(
    [-5, 0, 4, 10, 30].map((missing) => bucketLeft(bucket(missing))),
    [10, 10, 6, 0, 0],
  );
});

test("an amount waits until it fits; one that is larger than the bucket waits for a full one", () => {
  const cases: [missing: number, amount: number, wait_ms: number][] = [
    [0, 10, 0],
    [4, 6, 0],
    [4, 7, 1_000],
    [10, 1, 1_000],
    [0, 60, 0],
    [4, 60, 4_000],
    [50, 1, 41_000],
  ];
  for (const [missing, amount, wait_ms] of cases) assert.equal(bucketWait_ms(bucket(missing), amount), wait_ms);
});

test("a bucket that nobody knows misses what the last minute used, at most all", () => {
  assert.equal(firstFullAt_us(0, NOW_US, 60, 10_000_000), NOW_US);
  assert.equal(firstFullAt_us(3, NOW_US, 60, 10_000_000), NOW_US + 3_000_000);
  assert.equal(firstFullAt_us(99, NOW_US, 60, 10_000_000), NOW_US + 10_000_000);
});
