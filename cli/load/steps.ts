/**
 * The course of a run in steps of time: counts, and latencies in buckets a hundredth apart, for plots and for comparing runs. A request
 * belongs to the step in which it was due, whenever it ended. Bounded: so many steps, and some thousand buckets in each at the most. Pure.
 */

export const STEPS_MAX = 300;
const STEP_MS_MIN = 1_000;
const BUCKET = Math.log(1.01);
/** Of the buckets: a microsecond to an hour. */
const MS_MIN = 0.001;
const MS_MAX = 3_600_000;

export const STEP_COUNTS = [
  "asked",
  "not_sent",
  "sent",
  "answered",
  "failed",
  "timed_out",
  "hits",
  "tokens",
  "cost_nusd",
] as const;
export type StepCount = (typeof STEP_COUNTS)[number];
export const STEP_TIMES = ["latency", "first_token", "pipeline"] as const;
export type StepTime = (typeof STEP_TIMES)[number];

/** `[bucket, count]`, in no order. */
export type Buckets = readonly (readonly [number, number])[];
export type Step = Readonly<Record<StepCount, number>> & Readonly<Record<StepTime, Buckets>>;

type OpenStep = { readonly counts: Record<StepCount, number>; readonly times: Record<StepTime, Map<number, number>> };

/** As long as STEPS_MAX of them hold the run, and a whole number of seconds. */
export function stepLength(duration_ms: number): number {
  return Math.max(STEP_MS_MIN, Math.ceil(duration_ms / STEPS_MAX / 1_000) * 1_000);
}

export function bucketOf(time_ms: number): number {
  return Math.round(Math.log(Math.min(MS_MAX, Math.max(MS_MIN, time_ms))) / BUCKET);
}

/** The middle of a bucket, in ms. */
export function bucketMs(bucket: number): number {
  return Math.exp(bucket * BUCKET);
}

export class Steps {
  readonly #step_ms: number;
  readonly #steps: OpenStep[] = [];

  constructor(step_ms: number) {
    this.#step_ms = step_ms;
  }

  /** @param at_ms since the start of the run; what comes after the last step counts to it. */
  count(at_ms: number, name: StepCount, more = 1): void {
    this.#at(at_ms).counts[name] += more;
  }

  time(at_ms: number, name: StepTime, time_ms: number): void {
    const times = this.#at(at_ms).times[name];
    const bucket = bucketOf(time_ms);
    times.set(bucket, (times.get(bucket) ?? 0) + 1);
  }

  add(steps: readonly Step[]): void {
    for (const [index, step] of steps.entries()) {
      const own = this.#at(index * this.#step_ms);
      for (const name of STEP_COUNTS) own.counts[name] += step[name];
      for (const name of STEP_TIMES) {
        for (const [bucket, count] of step[name])
          own.times[name].set(bucket, (own.times[name].get(bucket) ?? 0) + count);
      }
    }
  }

  /** From the first step to the last that had anything. */
  all(): Step[] {
    return this.#steps.map(({ counts, times }) => ({
      ...counts,
      latency: [...times.latency],
      first_token: [...times.first_token],
      pipeline: [...times.pipeline],
    }));
  }

  #at(at_ms: number): OpenStep {
    // Later turns of sessions go on after the last arrival: twice as many steps hold them, and what is later still counts to the last.
    const index = Math.min(2 * STEPS_MAX - 1, Math.max(0, Math.floor(at_ms / this.#step_ms)));
    while (this.#steps.length <= index) this.#steps.push(emptyStep());
    return this.#steps[index] as OpenStep;
  }
}

function emptyStep(): OpenStep {
  const counts = Object.fromEntries(STEP_COUNTS.map((name) => [name, 0])) as Record<StepCount, number>;
  return { counts, times: { latency: new Map(), first_token: new Map(), pipeline: new Map() } };
}

/** Of merged buckets, by nearest rank; undefined where there is nothing. */
export function percentileOf(buckets: Buckets, percent: number): number | undefined {
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) return undefined;
  let left = Math.max(1, Math.ceil((percent / 100) * total));
  for (const [bucket, count] of [...buckets].sort(([one], [other]) => one - other)) {
    left -= count;
    if (left <= 0) return bucketMs(bucket);
  }
  return undefined;
}
