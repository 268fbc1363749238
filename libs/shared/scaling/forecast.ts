/**
 * What arrives soon, by this time of day and week: the mean of the same five minutes in the weeks before, newer weeks counting more, corrected by how
 * the last hour compares with its own in those weeks. Sure of itself as far as those weeks agree with one another. Pure.
 */
import { type ArrivalHistory, BUCKET_MS, bucketStart, DAY_MS, WEEK_MS } from "./history.ts";

export type RateForecast = {
  /** The highest rate from now to `ahead_ms` from now. */
  readonly expected_per_s: number;
  readonly ahead_ms: number;
  /** 0 to 1. */
  readonly confidence: number;
  /** Weeks (or days, where there is no week yet) that it is from. */
  readonly seasons: number;
};

export type ForecastOptions = {
  readonly ahead_ms: number;
  /** Weeks to look back. */
  readonly weeks: number;
};

/** Each week further back counts so much less. */
const OLDER = 0.7;
/** Days are compared only until there are weeks, and are less to be relied on: Sunday is not Monday. */
const DAYS_TRUST = 0.8;
/** The level of now against then is taken over so many buckets (an hour). */
const LEVEL_BUCKETS = 12;
const LEVEL_MIN = 0.5;
const LEVEL_MAX = 2;

/** @returns undefined where too little is known: fewer than two days of the same time, and no week. */
export function forecastRate(
  history: Pick<ArrivalHistory, "rate">,
  now_ms: number,
  { ahead_ms, weeks }: ForecastOptions,
): RateForecast | undefined {
  const weekly = forecastBy(history, now_ms, ahead_ms, WEEK_MS, weeks);
  if (weekly !== undefined) return weekly;
  const daily = forecastBy(history, now_ms, ahead_ms, DAY_MS, 6);
  if (daily === undefined || daily.seasons < 2) return undefined;
  return { ...daily, confidence: daily.confidence * DAYS_TRUST };
}

function forecastBy(
  history: Pick<ArrivalHistory, "rate">,
  now_ms: number,
  ahead_ms: number,
  season_ms: number,
  seasons: number,
): RateForecast | undefined {
  const level = levelOf(history, now_ms, season_ms, seasons);
  if (level === undefined) return undefined;
  let best: RateForecast | undefined;
  for (let start_ms = bucketStart(now_ms); start_ms <= now_ms + ahead_ms; start_ms += BUCKET_MS) {
    const past = seasonal(history, start_ms, season_ms, seasons);
    if (past === undefined) return undefined;
    const expected_per_s = past.mean * level;
    if (best !== undefined && best.expected_per_s >= expected_per_s) continue;
    best = { expected_per_s, ahead_ms, confidence: confidenceOf(past), seasons: past.seasons };
  }
  return best;
}

type Seasonal = { readonly mean: number; readonly deviation: number; readonly seasons: number };

/** The same five minutes, and those on either side of them for smoothness, so many seasons back. */
function seasonal(
  history: Pick<ArrivalHistory, "rate">,
  start_ms: number,
  season_ms: number,
  seasons: number,
): Seasonal | undefined {
  const rates: { readonly rate: number; readonly weight: number }[] = [];
  for (let back = 1; back <= seasons; back += 1) {
    const rate = smoothRate(history, start_ms - back * season_ms);
    if (rate !== undefined) rates.push({ rate, weight: OLDER ** (back - 1) });
  }
  if (rates.length === 0) return undefined;
  const weights = rates.reduce((sum, { weight }) => sum + weight, 0);
  const mean = rates.reduce((sum, { rate, weight }) => sum + rate * weight, 0) / weights;
  const variance = rates.reduce((sum, { rate, weight }) => sum + weight * (rate - mean) ** 2, 0) / weights;
  return { mean, deviation: Math.sqrt(variance), seasons: rates.length };
}

function smoothRate(history: Pick<ArrivalHistory, "rate">, start_ms: number): number | undefined {
  const middle = history.rate(start_ms);
  if (middle === undefined) return undefined;
  const before = history.rate(start_ms - BUCKET_MS) ?? middle;
  const after = history.rate(start_ms + BUCKET_MS) ?? middle;
  return (before + 2 * middle + after) / 4;
}

/** How the last hour was against the same hours of the seasons before. Undefined where nothing is there to compare. */
function levelOf(
  history: Pick<ArrivalHistory, "rate">,
  now_ms: number,
  season_ms: number,
  seasons: number,
): number | undefined {
  let now = 0;
  let then = 0;
  let compared = 0;
  for (let back = 1; back <= LEVEL_BUCKETS; back += 1) {
    const start_ms = bucketStart(now_ms) - back * BUCKET_MS;
    const rate = history.rate(start_ms);
    const past = seasonal(history, start_ms, season_ms, seasons);
    if (rate === undefined || past === undefined) continue;
    now += rate;
    then += past.mean;
    compared += 1;
  }
  if (compared < LEVEL_BUCKETS / 4) return undefined;
  if (then === 0) return 1;
  return Math.max(LEVEL_MIN, Math.min(LEVEL_MAX, now / then));
}

/** One season alone is half a reason; more are as good as they agree. */
function confidenceOf({ mean, deviation, seasons }: Seasonal): number {
  const agreement = mean === 0 ? 1 : Math.max(0, 1 - deviation / mean);
  return (1 - 0.5 ** seasons) * agreement;
}
