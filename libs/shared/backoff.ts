/**
 * Exponential back-off with full jitter: uniform over [0, min(cap, base·2ⁿ)].
 * Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */

export type BackoffPolicy = { readonly base_ms: number; readonly cap_ms: number };

/**
 * The wait before attempt `attempt` (0 is the first retry), in ms.
 * @param random uniform in [0, 1), an argument so that a simulation can repeat it.
 */
export function backoff_ms(policy: BackoffPolicy, attempt: number, random: number): number {
  const ceiling_ms = Math.min(policy.cap_ms, policy.base_ms * 2 ** Math.min(attempt, 30));
  return Math.floor(ceiling_ms * random);
}
