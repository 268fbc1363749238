/** What is dear to find out is found out once for all who ask within a while. */
import type { Clock } from "../../../libs/shared/clock.ts";

/** @returns the same promise for `keep_ms` from the start of `find`; a failure is not kept. */
export function remembered<T>(clock: Pick<Clock, "now_ms">, keep_ms: number, find: () => Promise<T>): () => Promise<T> {
  let kept: { readonly until_ms: number; readonly found: Promise<T> } | undefined;
  return () => {
    const now_ms = clock.now_ms();
    if (kept !== undefined && now_ms < kept.until_ms) return kept.found;
    const found = find();
    const mine = { until_ms: now_ms + keep_ms, found };
    kept = mine;
    found.catch(() => {
      if (kept === mine) kept = undefined;
    });
    return found;
  };
}
