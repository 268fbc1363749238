/**
 * A token bucket as one number, after the generic cell rate algorithm (ITU-T I.371): the time at which the bucket would be
 * full, in microseconds. What is larger than the bucket, but not than the limit, passes when the bucket is full, and the
 * bucket is in debt afterwards. Pure; the Redis script does the same arithmetic.
 */

const MINUTE_US = 60_000_000;

/** How long the limit takes to refill `amount`, microseconds. */
export function refill_us(amount: number, per_minute: number): number {
  return Math.ceil((amount * MINUTE_US) / per_minute);
}

export type BucketState = {
  readonly full_at_us: number;
  readonly now_us: number;
  readonly per_minute: number;
  readonly burst_us: number;
};

/** A bucket nobody knows: what the last minute used is missing from it, so that it never starts fuller than it was. */
export function firstFullAt_us(used: number, now_us: number, per_minute: number, burst_us: number): number {
  return now_us + Math.min(burst_us, refill_us(used, per_minute));
}

/** Until `amount` fits, ms: 0 when it fits now. */
export function bucketWait_ms({ full_at_us, now_us, per_minute, burst_us }: BucketState, amount: number): number {
  const cost_us = refill_us(amount, per_minute);
  const over_us = Math.max(full_at_us, now_us) + cost_us - Math.max(burst_us, cost_us) - now_us;
  return Math.max(0, Math.ceil(over_us / 1000));
}

/** What is in the bucket. */
export function bucketLeft({ full_at_us, now_us, per_minute, burst_us }: BucketState): number {
  const missing_us = Math.max(0, full_at_us - now_us);
  return Math.floor((Math.max(0, burst_us - missing_us) * per_minute) / MINUTE_US);
}
