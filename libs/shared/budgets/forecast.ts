/** Where spending will stand when a budget's window ends, if it goes on as of late. Pure. */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** So early in a day the day alone tells little: the one before counts with it. */
const EARLY_MS = 6 * HOUR_MS;

/** What was settled on UTC's days, in US dollars. */
export type DailySpend = {
  readonly today_usd: number;
  /** Yesterday first. */
  readonly before_usd: readonly number[];
};

export type Forecast = {
  /** At the window's end. */
  readonly end_usd: number;
  /** When the cap will be reached, epoch ms; null where it will not be within the window, or there is none. */
  readonly reached_ms: number | null;
};

/** US dollars a millisecond, by the hours of today. */
export function rateOfDay({ today_usd, before_usd }: DailySpend, now_ms: number): number {
  const elapsed_ms = now_ms % DAY_MS;
  const yesterday_usd = before_usd[0] ?? 0;
  // Who spent nothing yesterday may be new.
  if (elapsed_ms < EARLY_MS && yesterday_usd > 0) return (today_usd + yesterday_usd) / (elapsed_ms + DAY_MS);
  return today_usd / Math.max(elapsed_ms, HOUR_MS);
}

/** US dollars a millisecond, by today and the days before, back to the first on which anything was spent. */
export function rateOfDays({ today_usd, before_usd }: DailySpend, now_ms: number): number {
  const days = before_usd.findLastIndex((day_usd) => day_usd > 0) + 1;
  if (days === 0) return rateOfDay({ today_usd, before_usd }, now_ms);
  const spent_usd = before_usd.slice(0, days).reduce((sum, day_usd) => sum + day_usd, today_usd);
  return spent_usd / ((now_ms % DAY_MS) + days * DAY_MS);
}

export type ForecastInput = {
  /** Settled and reserved in the window up to now. */
  readonly used_usd: number;
  readonly cap_usd: number | null;
  /** US dollars a millisecond. */
  readonly rate_usd: number;
  readonly now_ms: number;
  readonly end_ms: number;
};

/** A straight line from now on. */
export function forecastOf({ used_usd, cap_usd, rate_usd, now_ms, end_ms }: ForecastInput): Forecast {
  const end_usd = used_usd + rate_usd * Math.max(0, end_ms - now_ms);
  if (cap_usd === null) return { end_usd, reached_ms: null };
  if (used_usd >= cap_usd) return { end_usd, reached_ms: now_ms };
  return { end_usd, reached_ms: end_usd > cap_usd ? now_ms + (cap_usd - used_usd) / rate_usd : null };
}
