/** Percentiles by the nearest-rank method. Pure. */

export type Percentiles = { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };

/** @param values in any order; zeros for none. */
export function percentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) };
}
