/** The traffic that a forecast is of: what is given on the command line, else what was seen, else what suits most. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { TierTraffic, Traffic } from "../../libs/shared/cost/forecast.ts";
import { SluiceError } from "../../libs/shared/errors.ts";
import type { Live } from "./live.ts";

/** As given; what is left out comes from live figures, where they are asked for, or has a default. */
export type TrafficFlags = {
  readonly requestsPerDay?: number;
  readonly tokensIn?: number;
  readonly tokensOut?: number;
  readonly hitRate?: number;
  readonly mix?: Readonly<Record<string, number>>;
  readonly escalated?: number;
  readonly peakFactor?: number;
  readonly serviceMs?: number;
};

const DEFAULTS = {
  tokens_in: 500,
  tokens_out: 200,
  hit_ratio: 0,
  escalated_ratio: 0,
  peak_factor: 3,
  service_ms: 2_000,
};
const DAY_MS = 86_400_000;
/** Of less, a day is no multiple that says anything. */
const SPAN_MS_MIN = 10 * 60_000;

/** @throws `usage` for a mix of tiers that are not there, or with nothing seen to begin with. */
export function trafficOf(settings: Settings, flags: TrafficFlags, live: Live | undefined): Traffic {
  const seen = live === undefined ? {} : seenIn(live, flags);
  const requests_per_day = flags.requestsPerDay ?? seen.requests_per_day;
  if (requests_per_day === undefined) {
    throw new SluiceError("usage", "how many requests a day is not known", {
      fix: "Give --requests-per-day, or --from-live for what was seen.",
    });
  }
  return {
    requests_per_day,
    tokens_in: flags.tokensIn ?? seen.tokens_in ?? DEFAULTS.tokens_in,
    tokens_out: flags.tokensOut ?? seen.tokens_out ?? DEFAULTS.tokens_out,
    hit_ratio: flags.hitRate ?? seen.hit_ratio ?? DEFAULTS.hit_ratio,
    escalated_ratio: flags.escalated ?? seen.escalated_ratio ?? DEFAULTS.escalated_ratio,
    peak_factor: flags.peakFactor ?? seen.peak_factor ?? DEFAULTS.peak_factor,
    tiers: tiersOf(settings, flags, live),
  };
}

type Seen = Partial<Omit<Traffic, "tiers">>;

function seenIn(live: Live, { requestsPerDay }: TrafficFlags): Seen {
  const calls = live.tiers.reduce((sum, tier) => sum + tier.calls, 0);
  if (live.requests === 0) {
    throw new SluiceError("usage", "no request has succeeded in that time", {
      fix: "Take a longer --since, or give --requests-per-day and the sizes.",
    });
  }
  if (live.span_ms < SPAN_MS_MIN && requestsPerDay === undefined) {
    throw new SluiceError("usage", "what was seen is of less than 10 minutes, which says nothing of a day", {
      fix: "Give --requests-per-day beside --from-live, or wait.",
    });
  }
  const mean = (pick: (tier: Live["tiers"][number]) => number): number | undefined =>
    calls === 0 ? undefined : live.tiers.reduce((sum, tier) => sum + pick(tier) * tier.calls, 0) / calls;
  const weaker = live.tiers.slice(0, -1).reduce((sum, tier) => sum + tier.calls, 0);
  const per_minute = live.span_ms === 0 ? live.requests : live.requests / Math.max(1, live.span_ms / 60_000);
  const [tokens_in, tokens_out] = [mean((tier) => tier.tokens_in), mean((tier) => tier.tokens_out)];
  return {
    ...(live.span_ms < SPAN_MS_MIN ? {} : { requests_per_day: (live.requests * DAY_MS) / live.span_ms }),
    ...(tokens_in === undefined || tokens_out === undefined ? {} : { tokens_in, tokens_out }),
    hit_ratio: live.hits / live.requests,
    escalated_ratio: weaker === 0 ? 0 : Math.min(1, live.escalated / weaker),
    peak_factor: Math.max(1, live.minute_max / per_minute),
  };
}

/** In the settings' order, the weakest first. Only chat tiers are told apart: what is embedded has a tier of its own. */
function tiersOf(settings: Settings, flags: TrafficFlags, live: Live | undefined): readonly TierTraffic[] {
  const mix = flags.mix ?? mixOf(settings, live);
  const unknown = Object.keys(mix).filter((tier) => !Object.hasOwn(settings.tiers, tier));
  if (unknown.length > 0) {
    const known = Object.keys(settings.tiers).join(", ");
    throw new SluiceError("usage", `there is no tier ${unknown.join(", ")}`, { fix: `Known tiers are ${known}.` });
  }
  const total = Object.values(mix).reduce((sum, share) => sum + share, 0);
  return Object.entries(settings.tiers).flatMap(([tier, options]) => {
    const share = mix[tier] ?? 0;
    if (share === 0) return [];
    const price = settings.prices.models[options.models[0] ?? ""];
    return [
      {
        tier,
        share: share / total,
        input_usd_per_mtok: price?.input_usd_per_mtok ?? 0,
        output_usd_per_mtok: price?.output_usd_per_mtok ?? 0,
        service_ms: flags.serviceMs ?? serviceOf(live, tier) ?? DEFAULTS.service_ms,
        in_flight_max: options.in_flight_max,
      },
    ];
  });
}

/** As seen; else all to the default tier. */
function mixOf(settings: Settings, live: Live | undefined): Readonly<Record<string, number>> {
  const seen = (live?.tiers ?? []).filter(({ tier }) => Object.hasOwn(settings.tiers, tier));
  if (seen.length === 0) return { [settings.routing.default_tier]: 1 };
  return Object.fromEntries(seen.map(({ tier, calls }) => [tier, calls]));
}

function serviceOf(live: Live | undefined, tier: string): number | undefined {
  const service_ms = live?.tiers.find((one) => one.tier === tier)?.service_ms;
  return service_ms === undefined || service_ms === 0 ? undefined : service_ms;
}
