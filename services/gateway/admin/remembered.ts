/** What is dear to find out is found out once for all who ask within a while. */
import type { Clock } from "../../../libs/shared/clock.ts";

/**
 * As `remembered`, but who comes later than `keep_ms` is given what was found before while it is found anew, as long as that is no older than
 * `stale_ms`: only the first waits.
 */
export function refreshed<T>(
  clock: Pick<Clock, "now_ms">,
  { keep_ms, stale_ms }: { readonly keep_ms: number; readonly stale_ms: number },
  find: () => Promise<T>,
): () => Promise<T> {
  let last: { readonly at_ms: number; readonly found: T } | undefined;
  const fresh = remembered(clock, keep_ms, async () => {
    const at_ms = clock.now_ms();
    const found = await find();
    last = { at_ms, found };
    return found;
  });
  return () => {
    const finding = fresh();
    if (last === undefined || clock.now_ms() - last.at_ms > stale_ms) return finding;
    // Whoever waits for it is told of its failure; nobody does here.
    finding.catch(() => undefined);
    return Promise.resolve(last.found);
  };
}

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
