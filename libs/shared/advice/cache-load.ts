/** What the cache gives now, and what it gave before. Pure. */
import type { ProcessMeter } from "./meter.ts";
import type { CacheLoad } from "./observation.ts";

const HITS = ["exact", "semantic", "coalesced"] as const;
/** What was looked for, at the least, for a part of it to mean something. */
const LOOKED_MIN = 50;

export type HitsBefore = {
  /** Every minute of the hour before that had requests, looked-for alone. */
  readonly minutes: readonly { readonly hits: number; readonly misses: number }[];
  /** Of the whole day; null where it was not counted. */
  readonly day: { readonly hits: number; readonly misses: number } | null;
};

export function cacheLoad(meters: readonly ProcessMeter[], before: HitsBefore): CacheLoad {
  const rate = (outcome: string): number =>
    meters.reduce((all, meter) => all + meter.rate("sluice_cache_total", { outcome }), 0);
  const hits_per_s = HITS.reduce((all, outcome) => all + rate(outcome), 0);
  const misses_per_s = rate("miss");
  const looked = hits_per_s + misses_per_s;
  return {
    ...{ hits_per_s, misses_per_s, hit_ratio: looked === 0 ? null : hits_per_s / looked },
    // Every router has the whole index.
    entries: Math.max(0, ...meters.map((meter) => meter.gauge("sluice_cache_entries"))),
    before: hitsBefore(before),
  };
}

/** The better of two: the minute that three quarters of the last hour's requests did no better than, and the day. */
function hitsBefore({ minutes, day }: HitsBefore): CacheLoad["before"] {
  const hour = ratioOfHour(minutes);
  const of_day = day !== null && day.hits + day.misses >= LOOKED_MIN ? day.hits / (day.hits + day.misses) : null;
  if (hour === null && of_day === null) return null;
  return (hour ?? 0) >= (of_day ?? 0) ? { hit_ratio: hour ?? 0, of: "hour" } : { hit_ratio: of_day ?? 0, of: "day" };
}

function ratioOfHour(minutes: HitsBefore["minutes"]): number | null {
  const known = minutes
    .map(({ hits, misses }) => ({ looked: hits + misses, ratio: hits / Math.max(1, hits + misses) }))
    .sort((one, other) => one.ratio - other.ratio);
  const looked = known.reduce((all, one) => all + one.looked, 0);
  if (looked < LOOKED_MIN) return null;
  let below = 0;
  for (const one of known) {
    below += one.looked;
    if (below >= looked * 0.75) return one.ratio;
  }
  return known.at(-1)?.ratio ?? null;
}
