/**
 * What a traffic costs and needs: from requests a day, token sizes, hit rate, tier mix and prices to dollars, the points where cache and
 * tiers pay, and partitions and workers. Averages go in, so averages come out; `peak_factor` makes the busiest minute of them. Pure.
 */

/** One tier's part of the requests that are called, and what a call of it is. */
export type TierTraffic = {
  readonly tier: string;
  /** Of the requests that no cache answers; all tiers' together are 1. */
  readonly share: number;
  readonly input_usd_per_mtok: number;
  readonly output_usd_per_mtok: number;
  /** Of one call, from its sending to its end. */
  readonly service_ms: number;
  /** Calls that one worker may have under way. */
  readonly in_flight_max: number;
};

export type Traffic = {
  readonly requests_per_day: number;
  readonly tokens_in: number;
  readonly tokens_out: number;
  /** Of the requests, the part that the cache answers. */
  readonly hit_ratio: number;
  /** The weakest first: its answers may be escalated, and the last one is what all would go to without tiers. */
  readonly tiers: readonly TierTraffic[];
  /** Of the answers of all tiers but the last, the part that is asked for again of the last. */
  readonly escalated_ratio: number;
  /** The busiest minute over the mean one. */
  readonly peak_factor: number;
};

/** What a request costs the pipeline itself, as the benchmarks have it (docs/decisions/speed.md). */
export type Machine = {
  /** CPU of all services together. */
  readonly cpu_ms_per_request: number;
  /** How full cores, workers and partitions may be at the peak. */
  readonly utilisation_max: number;
  /** Requests a second that one partition carries, as each service works on one. */
  readonly partition_requests_per_s: number;
  /** Of an entry of the cache beside its answer: its question's vector, index and keys. */
  readonly entry_bytes: number;
  /** Bytes of an answer for each token. */
  readonly bytes_per_token: number;
  readonly memory_usd_per_gib_month: number;
  readonly cache_ttl_hours: number;
};

export const MACHINE: Machine = {
  cpu_ms_per_request: 3,
  utilisation_max: 0.7,
  partition_requests_per_s: 250,
  entry_bytes: 2_048,
  bytes_per_token: 4,
  memory_usd_per_gib_month: 10,
  cache_ttl_hours: 24,
};

export type TierForecast = {
  readonly tier: string;
  readonly calls_per_day: number;
  readonly cost_usd_per_day: number;
  /** Under way in the busiest minute, by Little's law. */
  readonly calls_in_flight_peak: number;
  readonly workers: number;
};

export type Forecast = {
  readonly cost_usd_per_day: number;
  /** Of 30 days. */
  readonly cost_usd_per_month: number;
  readonly cost_usd_per_1k_requests: number;
  readonly tiers: readonly TierForecast[];
  readonly cache: {
    readonly saved_usd_per_day: number;
    readonly memory_bytes: number;
    readonly cost_usd_per_day: number;
    /** The hit ratio from which the cache saves more than its memory costs; undefined where calls cost nothing. */
    readonly break_even_hit_ratio?: number;
  };
  readonly tiering: {
    /** Against sending all to the last tier. */
    readonly saved_usd_per_day: number;
    /** The part of answers that may be escalated before the weakest tier first costs more than the last at once; undefined with one tier. */
    readonly break_even_escalated_ratio?: number;
  };
  readonly requests_per_s_mean: number;
  readonly requests_per_s_peak: number;
  readonly cores: number;
  /** Of each work topic. */
  readonly partitions: number;
};

const DAY_S = 86_400;
const MONTH_DAYS = 30;
const GIB = 1024 ** 3;

export function forecast(traffic: Traffic, machine: Machine = MACHINE): Forecast {
  const { requests_per_day, hit_ratio, tiers, peak_factor } = traffic;
  const called_per_day = requests_per_day * (1 - hit_ratio);
  const requests_per_s_mean = requests_per_day / DAY_S;
  const requests_per_s_peak = requests_per_s_mean * peak_factor;
  const each = tiers.map((tier, index) => tierForecast(traffic, machine, tier, index, called_per_day));
  const calls_usd = each.reduce((sum, { cost_usd_per_day }) => sum + cost_usd_per_day, 0);
  const cache = cacheForecast(traffic, machine, calls_usd, called_per_day);
  const cost_usd_per_day = calls_usd + cache.cost_usd_per_day;
  const workers = Math.max(1, ...each.map((tier) => tier.workers));
  const carried = Math.ceil(requests_per_s_peak / (machine.partition_requests_per_s * machine.utilisation_max));
  return {
    cost_usd_per_day,
    cost_usd_per_month: cost_usd_per_day * MONTH_DAYS,
    cost_usd_per_1k_requests: requests_per_day === 0 ? 0 : (1_000 * cost_usd_per_day) / requests_per_day,
    tiers: each,
    cache,
    tiering: tieringForecast(traffic, calls_usd, called_per_day),
    requests_per_s_mean,
    requests_per_s_peak,
    cores: Math.max(1, Math.ceil((requests_per_s_peak * machine.cpu_ms_per_request) / 1_000 / machine.utilisation_max)),
    // No fewer than workers of one group, or some would have nothing to do.
    partitions: Math.max(carried, workers),
  };
}

/** Of one call, US dollars. */
export function callUsd(traffic: Pick<Traffic, "tokens_in" | "tokens_out">, tier: TierTraffic): number {
  return (traffic.tokens_in * tier.input_usd_per_mtok + traffic.tokens_out * tier.output_usd_per_mtok) / 1e6;
}

function tierForecast(
  traffic: Traffic,
  machine: Machine,
  tier: TierTraffic,
  index: number,
  called_per_day: number,
): TierForecast {
  const last = index === traffic.tiers.length - 1;
  const weaker = traffic.tiers.slice(0, -1).reduce((sum, { share }) => sum + share, 0);
  const share = tier.share + (last ? weaker * traffic.escalated_ratio : 0);
  const calls_per_day = called_per_day * share;
  const calls_in_flight_peak = ((calls_per_day / DAY_S) * traffic.peak_factor * tier.service_ms) / 1_000;
  return {
    tier: tier.tier,
    calls_per_day,
    cost_usd_per_day: calls_per_day * callUsd(traffic, tier),
    calls_in_flight_peak,
    workers: Math.max(1, Math.ceil(calls_in_flight_peak / (tier.in_flight_max * machine.utilisation_max))),
  };
}

/** What no hit has saved is what the same requests would have cost in the same mix. */
function cacheForecast(
  { hit_ratio, tokens_out, requests_per_day }: Traffic,
  machine: Machine,
  calls_usd: number,
  called_per_day: number,
): Forecast["cache"] {
  const all_called_usd = called_per_day === 0 ? 0 : (calls_usd * requests_per_day) / called_per_day;
  const entries = (called_per_day * machine.cache_ttl_hours) / 24;
  const memory_bytes = entries * (machine.entry_bytes + tokens_out * machine.bytes_per_token);
  const of = (bytes: number): number => ((bytes / GIB) * machine.memory_usd_per_gib_month) / MONTH_DAYS;
  const cost_usd_per_day = hit_ratio === 0 ? 0 : of(memory_bytes);
  // h × all = memory × (1 - h) / (1 - hit_ratio), for the memory is what is not hit.
  const full_usd = called_per_day === 0 ? 0 : (of(memory_bytes) * requests_per_day) / called_per_day;
  return {
    saved_usd_per_day: all_called_usd * hit_ratio - cost_usd_per_day,
    memory_bytes,
    cost_usd_per_day,
    ...(all_called_usd === 0 ? {} : { break_even_hit_ratio: full_usd / (all_called_usd + full_usd) }),
  };
}

/** Weak first and strong for a part e of it costs w + e·s against s alone: even at e = 1 - w/s. */
function tieringForecast(traffic: Traffic, calls_usd: number, called_per_day: number): Forecast["tiering"] {
  const { tiers } = traffic;
  const [first, last] = [tiers[0], tiers.at(-1)];
  if (first === undefined || last === undefined || tiers.length < 2) return { saved_usd_per_day: 0 };
  const strong_usd = callUsd(traffic, last);
  const saved_usd_per_day = called_per_day * strong_usd - calls_usd;
  if (strong_usd === 0) return { saved_usd_per_day };
  return { saved_usd_per_day, break_even_escalated_ratio: Math.max(0, 1 - callUsd(traffic, first) / strong_usd) };
}
