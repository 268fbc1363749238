/** Waiting for a condition, never for a time. The deadline is only there to end a test that would hang. */
import { setTimeout as sleep } from "node:timers/promises";

/** Generous: the machine may be busy with other work. */
export const WAIT_MS = 120_000;
const PAUSE_MS = 50;

/** Asks until `condition` gives something, and returns it. An error of the condition counts as not yet. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  wait_ms = WAIT_MS,
): Promise<T> {
  const end_ms = Date.now() + wait_ms;
  let problem: unknown;
  for (;;) {
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
      problem = undefined;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > end_ms) throw new Error(`${what}: not within ${wait_ms / 1_000} s`, { cause: problem });
    await sleep(PAUSE_MS);
  }
}
