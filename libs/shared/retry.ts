/** Waiting for a part that is away: back off, say so once, go on when it is back (I6: each wait is bounded by the policy). */
import { type BackoffPolicy, backoff_ms } from "./backoff.ts";
import { type Clock, sleep } from "./clock.ts";
import { isRetryable, SluiceError } from "./errors.ts";
import type { Log } from "./log.ts";

export type RetryContext = {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly policy: BackoffPolicy;
};

/**
 * Runs `work` until it succeeds, throws what is not retryable, or `stopped()` turns true (then the last error is thrown).
 * There is no limit on attempts: what is in hand is neither dropped nor passed over while a part is away.
 */
export async function untilAvailable<T>(
  context: RetryContext,
  what: string,
  work: () => Promise<T>,
  stopped: () => boolean = () => false,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const result = await work();
      if (attempt > 0) context.log.info({ what, attempts: attempt + 1 }, "available again, going on");
      return result;
    } catch (error) {
      if (!isRetryable(error) || stopped()) throw error;
      if (attempt === 0) {
        const fix = error instanceof SluiceError ? error.fix : undefined;
        context.log.warn({ what, error, fix }, "waiting for a part that is away");
      }
      // At least a tenth of the ceiling, so that full jitter never spins.
      const wait_ms = backoff_ms(context.policy, attempt, 0.1 + 0.9 * context.random());
      await sleep(context.clock, wait_ms);
    }
  }
}
