/** The wall clock with fractions of a millisecond, so that spans of one process are in order. IO: it reads both clocks. */

/** The two clocks may part by so much before the wall clock, which somebody sets, is believed anew. */
const DRIFT_MS_MAX = 2;

/** @returns epoch ms. */
export function preciseTime(): () => number {
  let origin_ms = Date.now() - performance.now();
  return () => {
    const since_ms = performance.now();
    const wall_ms = Date.now();
    if (Math.abs(origin_ms + since_ms - wall_ms) > DRIFT_MS_MAX) origin_ms = wall_ms - since_ms;
    return origin_ms + since_ms;
  };
}
