/** Figures out of times. Pure. */

/**
 * Completions a second in a steady state. Calls that were started together end together: the time is taken over whole rounds of
 * `in_flight` completions, so that it does not matter at which point of a round a window would begin and end.
 * @param times_ms of completions, in any order. @returns 0 when there is not one whole round after `from_ms`.
 */
export function steadyRate(times_ms: readonly number[], from_ms: number, to_ms: number, in_flight: number): number {
  const times = times_ms.filter((at_ms) => at_ms >= from_ms && at_ms <= to_ms).sort((one, other) => one - other);
  const rounds = Math.floor((times.length - 1) / in_flight);
  const [first, last] = [times[0], times[rounds * in_flight]];
  if (rounds < 1 || first === undefined || last === undefined || last <= first) return 0;
  return (rounds * in_flight * 1_000) / (last - first);
}

/** One call of a session, in the order in which its outcome was written. */
export type SessionCall = {
  readonly session: string;
  /** Its place in the session's order. */
  readonly index: number;
  readonly dispatched_ms: number;
  readonly completed_ms: number;
};

/** Calls that did not follow right on the one before them in their session, or began before that one had ended. */
export function orderBreaks(calls: readonly SessionCall[]): number {
  const latest = new Map<string, SessionCall>();
  let breaks = 0;
  for (const call of calls) {
    const before = latest.get(call.session);
    const due = (before?.index ?? -1) + 1;
    if (call.index !== due || (before !== undefined && call.dispatched_ms < before.completed_ms)) breaks += 1;
    latest.set(call.session, call);
  }
  return breaks;
}
