/** Arrivals for the simulation of scaling: rates over time, and one trace of records from a seed that every scaler is given. Pure. */
import { type ArrivalBucket, BUCKET_MS, DAY_MS, WEEK_MS } from "../../../libs/shared/scaling/history.ts";

/** Records by the time they arrive, ms from the start. */
export type Trace = {
  readonly at_ms: Float64Array;
  readonly service_ms: Float32Array;
  readonly partition: Uint8Array;
  readonly duration_ms: number;
};

/** A draw from [0, 1). */
export type Uniform = () => number;

/** Records a second at a time from the start. */
export type Rate = (at_ms: number) => number;

export type ServiceTime = {
  readonly mean_ms: number;
  /** Of the logarithm: calls to models have long tails. */
  readonly sigma: number;
};

const STEP_MS = 1_000;

/** Poisson arrivals at a rate that changes by the second, over evenly used partitions. */
export function traceOf(
  rate: Rate,
  duration_ms: number,
  service: ServiceTime,
  partitions: number,
  random: Uniform,
): Trace {
  const times: number[] = [];
  for (let start_ms = 0; start_ms < duration_ms; start_ms += STEP_MS) {
    const per_ms = rate(start_ms) / 1_000;
    for (
      let at_ms = start_ms + exponential(per_ms, random);
      at_ms < start_ms + STEP_MS;
      at_ms += exponential(per_ms, random)
    ) {
      times.push(at_ms);
    }
  }
  const middle = Math.log(service.mean_ms) - service.sigma ** 2 / 2;
  return {
    at_ms: Float64Array.from(times),
    service_ms: Float32Array.from(times, () => Math.exp(middle + service.sigma * normal(random))),
    partition: Uint8Array.from(times, () => Math.floor(random() * partitions)),
    duration_ms,
  };
}

/** A weekday by the hour, records a second over its peak: a quiet night, a steep morning, a dip at noon, an evening. */
const HOURS = [
  0.16, 0.13, 0.11, 0.1, 0.1, 0.12, 0.16, 0.3, 0.72, 0.95, 1, 0.97, 0.78, 0.86, 0.98, 0.96, 0.88, 0.7, 0.52, 0.5, 0.48,
  0.4, 0.3, 0.22,
];
const WEEKEND = 0.35;

/** By time of day and week; day 0 is a Monday. Between hours it goes straight. */
export function weekRate(peak_per_s: number): (at_ms: number) => number {
  return (at_ms) => {
    const day = Math.floor(at_ms / DAY_MS) % 7;
    const hour = (at_ms % DAY_MS) / 3_600_000;
    const from = HOURS[Math.floor(hour)] ?? 0;
    const to = HOURS[(Math.floor(hour) + 1) % 24] ?? 0;
    return peak_per_s * (day >= 5 ? WEEKEND : 1) * (from + (to - from) * (hour % 1));
  };
}

/** A day's own course: its level, and a slow drift about it. A factor by time of day. */
export function dayNoise(random: Uniform): (at_ms: number) => number {
  const level = Math.exp(0.08 * normal(random));
  const knots = Array.from({ length: 25 }, () => Math.exp(0.06 * normal(random)));
  return (at_ms) => {
    const hour = (at_ms % DAY_MS) / 3_600_000;
    const from = knots[Math.floor(hour)] ?? 1;
    const to = knots[Math.floor(hour) + 1] ?? 1;
    return level * (from + (to - from) * (hour % 1));
  };
}

/** What was seen in so many weeks before `until_ms` (from a Monday's midnight), each day with a course of its own. */
export function pastWeeks(rate: Rate, weeks: number, until_ms: number, random: Uniform): ArrivalBucket[] {
  const buckets: ArrivalBucket[] = [];
  let noise = dayNoise(random);
  const first_ms = until_ms - weeks * WEEK_MS;
  for (let start_ms = first_ms; start_ms < until_ms; start_ms += BUCKET_MS) {
    if ((start_ms - first_ms) % DAY_MS === 0) noise = dayNoise(random);
    const mean = (rate(start_ms + weeks * WEEK_MS) * noise(start_ms) * BUCKET_MS) / 1_000;
    const records = Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
    buckets.push({ start_ms, records, observed_ms: BUCKET_MS });
  }
  return buckets;
}

function exponential(per_ms: number, random: Uniform): number {
  return per_ms <= 0 ? Number.POSITIVE_INFINITY : -Math.log(1 - random()) / per_ms;
}

/** Box and Muller's. */
function normal(random: Uniform): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
