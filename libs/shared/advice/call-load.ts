/** How a tier's calls and endpoints did, out of the beats of its workers. Pure. */
import type { ProcessMeter } from "./meter.ts";
import type { CallLoad, EndpointLoad, TierFacts } from "./observation.ts";

/** Medians of calls before the looks, by tier and endpoint: `small/default`. Left out where there were too few. */
export type LatenciesBefore = ReadonlyMap<string, number>;

const THROTTLED: ReadonlySet<string> = new Set(["throttled", "overloaded", "rate_limited"]);
/** Answers, and what is no fault of the endpoint's. */
const GOOD: ReadonlySet<string> = new Set(["ok", "answered", "aborted", "cancelled"]);

export function callLoad(
  meters: readonly ProcessMeter[],
  tier: string,
  facts: TierFacts | undefined,
  before: LatenciesBefore,
): CallLoad {
  const sum = (of: (meter: ProcessMeter) => number): number => meters.reduce((all, meter) => all + of(meter), 0);
  const calls_per_s = sum((meter) => meter.rate("gen_ai_client_operation_duration_seconds_count", { tier }));
  const in_flight = sum((meter) => meter.rate("gen_ai_client_operation_duration_seconds_sum", { tier }));
  const batches = sum((meter) => meter.grown("sluice_batch_size_count", { tier }));
  const batched = sum((meter) => meter.grown("sluice_batch_size_sum", { tier }));
  const names = [
    ...new Set([
      ...meters.flatMap((meter) => meter.values("sluice_endpoint_in_flight", "endpoint", { tier })),
      ...meters.flatMap((meter) => meter.values("sluice_endpoint_calls_total", "endpoint", { tier })),
    ]),
  ];
  return {
    calls_per_s,
    in_flight,
    limit_max: (facts?.in_flight_max ?? 0) * meters.length,
    latency_ms: calls_per_s === 0 ? 0 : (in_flight / calls_per_s) * 1_000,
    endpoints: names.map((name) => endpointLoad(meters, tier, name, before.get(`${tier}/${name}`) ?? null)),
    batch_mean: facts?.kind !== "embeddings" || batches === 0 ? 1 : batched / batches,
  };
}

function endpointLoad(
  meters: readonly ProcessMeter[],
  tier: string,
  endpoint: string,
  latency_before_ms: number | null,
): EndpointLoad {
  const labels = { tier, endpoint };
  const sum = (of: (meter: ProcessMeter) => number): number => meters.reduce((all, meter) => all + of(meter), 0);
  const mean = (name: string): number => {
    const known = meters.flatMap((meter) => meter.gaugeWhereSet(name, labels) ?? []);
    return known.length === 0 ? 0 : known.reduce((all, value) => all + value, 0) / known.length;
  };
  const outcomes = [
    ...new Set(meters.flatMap((meter) => meter.values("sluice_endpoint_calls_total", "outcome", labels))),
  ];
  const rateOf = (wanted: (outcome: string) => boolean): number =>
    outcomes
      .filter(wanted)
      .reduce(
        (all, outcome) => all + sum((meter) => meter.rate("sluice_endpoint_calls_total", { ...labels, outcome })),
        0,
      );
  return {
    name: endpoint,
    calls_per_s: rateOf(() => true),
    throttled_per_s: rateOf((outcome) => THROTTLED.has(outcome)),
    failed_per_s: rateOf((outcome) => !THROTTLED.has(outcome) && !GOOD.has(outcome)),
    in_flight: sum((meter) => meter.gauge("sluice_endpoint_in_flight", labels)),
    limit: sum((meter) => meter.gauge("sluice_endpoint_concurrency_limit", labels)),
    latency_ms: mean("sluice_endpoint_latency_seconds") * 1_000,
    breaker_open: mean("sluice_endpoint_breaker_open"),
    latency_before_ms,
  };
}
