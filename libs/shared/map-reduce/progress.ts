/** How far a map-reduce is, in numbers and in words. Pure. */
import { ENDED_STATUSES, type JobStatus } from "../jobs/job.ts";
import { usdOf } from "../money.ts";
import { held_nusd, type MapReduceSpec, type MapReduceState, spent_nusd, type Wave } from "./job.ts";

export type WaveProgress = { readonly total: number; readonly done: number; readonly failed: number };

export type Progress = {
  /** `map 500/500, wave 1 12/50, 0 failed, 4 min left`. */
  readonly text: string;
  readonly map: WaveProgress;
  /** The reduces, from wave 1 on, as far as they have begun. */
  readonly waves: readonly (WaveProgress & { readonly wave: number })[];
  /** Null while nobody can tell. */
  readonly eta_s: number | null;
  readonly cost_usd: number;
  /** What requests under way may cost at the most; 0 without a budget. */
  readonly held_usd: number;
  readonly budget_usd: number | null;
};

/** The rate is that of the last minutes: providers' limits and retries change it. */
const RECENT_MS = 180_000;
/** Samples at least so far apart, so that few are enough. */
const SAMPLE_MS = 5_000;

type Samples = MapReduceState["samples"];

/** Notes how many items have ended, and forgets what was long ago. */
export function sampled(samples: Samples, now_ms: number, ended: number): Samples {
  const last = samples.at(-1);
  if (last !== undefined && now_ms - last[0] < SAMPLE_MS) return samples;
  // The last one before the window stays: the rate of work that has become slow is to be seen too.
  const from = samples.findLastIndex(([at_ms]) => now_ms - at_ms > RECENT_MS);
  return [...samples.slice(Math.max(0, from)), [now_ms, ended]];
}

/** Items that have ended, of all waves. */
export function endedItems(waves: readonly Wave[]): number {
  return waves.reduce((sum, { succeeded, failed }) => sum + succeeded + failed, 0);
}

/** Items that the waves to come will have, where every answer is as long as it is expected to be. */
export function itemsToCome(answers: number, fan_in: number, reduced: boolean): number {
  let sum = 0;
  let left = answers;
  // Even one answer is reduced once.
  while (left > 1 || (left === 1 && !reduced && sum === 0)) {
    left = Math.ceil(left / fan_in);
    sum += left;
  }
  return sum;
}

/** @returns undefined while there is no rate to tell it from. */
export function timeLeft_ms(samples: Samples, left: number, now_ms: number): number | undefined {
  const [first] = samples;
  const last = samples.at(-1);
  if (left === 0) return 0;
  if (first === undefined || last === undefined || last[1] <= first[1]) return undefined;
  // Time since the last sample counts: without new ones the rate falls.
  return Math.ceil((left * (now_ms - first[0])) / (last[1] - first[1]));
}

export function progressOf(
  job: { readonly status: JobStatus; readonly spec: MapReduceSpec; readonly state: MapReduceState },
  now_ms: number,
): Progress {
  const { spec, state, status } = job;
  const ended = ENDED_STATUSES.includes(status);
  const [map, ...reduces] = state.waves;
  const waves = reduces.map((wave, index) => ({ wave: index + 1, ...ofWave(wave) }));
  const left_ms = ended || map === undefined ? undefined : timeLeft_ms(state.samples, itemsLeft(spec, state), now_ms);
  return {
    text: textOf(job, left_ms),
    map: map === undefined ? { total: state.shards, done: 0, failed: 0 } : ofWave(map),
    waves,
    eta_s: left_ms === undefined ? null : Math.ceil(left_ms / 1_000),
    cost_usd: usdOf(spent_nusd(state)),
    held_usd: usdOf(held_nusd(state)),
    budget_usd: state.budget_nusd === undefined ? null : usdOf(state.budget_nusd),
  };
}

function ofWave({ items, succeeded, failed }: Wave): WaveProgress {
  return { total: items, done: succeeded, failed };
}

function itemsLeft({ fan_in }: MapReduceSpec, { waves }: MapReduceState): number {
  const current = waves.at(-1);
  if (current === undefined) return 0;
  const { items, succeeded, failed } = current;
  return items - succeeded - failed + itemsToCome(items - failed, fan_in, waves.length > 1);
}

function textOf(
  { status, state }: { readonly status: JobStatus; readonly state: MapReduceState },
  left_ms: number | undefined,
): string {
  const [map] = state.waves;
  const ended = ENDED_STATUSES.includes(status) ? [status] : [];
  if (map === undefined)
    return [state.shards === 0 ? "reading documents" : `${state.shards} shards`, ...ended].join(", ");
  const current = state.waves.length - 1;
  const wave = state.waves[current];
  const failed = state.waves.reduce((sum, one) => sum + one.failed, 0);
  return [
    `map ${map.succeeded}/${map.items}`,
    ...(current === 0 || wave === undefined ? [] : [`wave ${current} ${wave.succeeded}/${wave.items}`]),
    `${failed} failed`,
    ...ended,
    ...(left_ms === undefined ? [] : [`${durationOf(left_ms)} left`]),
  ].join(", ");
}

function durationOf(duration_ms: number): string {
  const seconds = Math.ceil(duration_ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
