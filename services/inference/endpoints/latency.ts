/**
 * An endpoint's latency as a peak-sensitive, exponentially weighted moving average. Pure.
 *
 * A slower call raises it at once; faster ones and the time that passes let it decay, so an endpoint that was slow is tried again.
 * Source: Twitter Finagle, "Aperture and Peak EWMA load balancers" (`com.twitter.finagle.loadbalancer.PeakEwma`), which also has
 * the decay of 10 s.
 */

/** `ewma_ms` as it was at `at_ms` (epoch ms). */
export type Latency = { readonly ewma_ms: number; readonly at_ms: number };

export const LATENCY_DECAY_MS = 10_000;

/**
 * Finagle lets an idle endpoint decay to nothing. Its calls take milliseconds; a model's take longer than the decay, and all of
 * them would go to an endpoint that was idle for a minute before its first answer says how slow it is.
 */
const IDLE_FLOOR = 0.1;

/** @returns the average after one call of `latency_ms` that ended at `now_ms`. */
export function observed(latency: Latency | undefined, latency_ms: number, now_ms: number): Latency {
  if (latency === undefined || latency_ms >= latency.ewma_ms) return { ewma_ms: latency_ms, at_ms: now_ms };
  const kept = remains(latency, now_ms);
  return { ewma_ms: latency.ewma_ms * kept + latency_ms * (1 - kept), at_ms: Math.max(now_ms, latency.at_ms) };
}

/** @returns the average in ms as it has decayed by `now_ms`, to a tenth at the least; undefined before the first call. */
export function ewmaAt_ms(latency: Latency | undefined, now_ms: number): number | undefined {
  return latency === undefined ? undefined : latency.ewma_ms * Math.max(IDLE_FLOOR, remains(latency, now_ms));
}

/** The part of the old average that is left, in (0, 1]. A clock that was set back changes nothing. */
function remains(latency: Latency, now_ms: number): number {
  return Math.exp(-Math.max(0, now_ms - latency.at_ms) / LATENCY_DECAY_MS);
}
