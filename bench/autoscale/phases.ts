/** Rates one after the other. Pure. */

export type Phase = { readonly per_s: number; readonly seconds: number };

/** How many requests are due in all, so long after the first phase began. */
export function duePhases(phases: readonly Phase[], elapsed_ms: number): number {
  let left_s = elapsed_ms / 1_000;
  let due = 0;
  for (const { per_s, seconds } of phases) {
    due += per_s * Math.min(seconds, Math.max(0, left_s));
    left_s -= seconds;
  }
  return Math.floor(due);
}

/** The rate that is asked for at a moment; 0 after the last phase. */
export function rateAt(phases: readonly Phase[], elapsed_ms: number): number {
  let left_ms = elapsed_ms;
  for (const { per_s, seconds } of phases) {
    if (left_ms < seconds * 1_000) return per_s;
    left_ms -= seconds * 1_000;
  }
  return 0;
}
