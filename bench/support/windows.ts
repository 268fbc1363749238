/** Amounts over time. Pure. */

export type Amount = { readonly at_ms: number; readonly amount: number };

/** The most that any window of `window_ms` held. @param amounts in order of time. */
export function busiestWindow(amounts: readonly Amount[], window_ms: number): number {
  let held = 0;
  let most = 0;
  let first = 0;
  for (const { at_ms, amount } of amounts) {
    held += amount;
    for (let oldest = amounts[first]; oldest && oldest.at_ms <= at_ms - window_ms; oldest = amounts[first]) {
      held -= oldest.amount;
      first += 1;
    }
    most = Math.max(most, held);
  }
  return most;
}

/** What came from `from_ms` to before `to_ms`. */
export function amountBetween(amounts: readonly Amount[], from_ms: number, to_ms: number): number {
  return amounts.reduce((sum, { at_ms, amount }) => sum + (at_ms >= from_ms && at_ms < to_ms ? amount : 0), 0);
}
