/** Waiting until a record is due, in its handler call: that costs a place in flight and no more. */
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";
import { SluiceError } from "../../libs/shared/errors.ts";

/** Timers have a limit of 24 days, and a machine may sleep meanwhile: the time is looked at again this often. */
const LOOK_AGAIN_MS = 3_600_000;

/** @throws a retryable `stopping` when the engine drains meanwhile: what waits is delivered again. */
export async function until(clock: Clock, due_ms: number, stopping: AbortSignal): Promise<void> {
  for (;;) {
    const left_ms = due_ms - clock.now_ms();
    if (left_ms <= 0) return;
    if (stopping.aborted) {
      throw new SluiceError("stopping", "the service stops while a record waits until it is due", { retryable: true });
    }
    await sleepUntil(clock, Math.min(left_ms, LOOK_AGAIN_MS), [stopping]);
  }
}
