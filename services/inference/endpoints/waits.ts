/** For what a call waits before it has its permit, and how long. Pure. */
import type { Refusal, WaitReason, Waits } from "../backend.ts";

export class WaitTimes {
  readonly #waited_ms: Partial<Record<WaitReason, number>> = {};
  #reason: WaitReason | undefined;
  #last: WaitReason;
  #since_ms = 0;

  /** @param reason given when it is refused before it waited for anything. */
  constructor(reason: WaitReason) {
    this.#last = reason;
  }

  /** From now on it waits for `reason`, and no longer for another. */
  start(reason: WaitReason, now_ms: number): void {
    if (reason === this.#reason) return;
    this.stop(now_ms);
    this.#reason = reason;
    this.#last = reason;
    this.#since_ms = now_ms;
  }

  stop(now_ms: number): void {
    const waited_ms = now_ms - this.#since_ms;
    if (this.#reason !== undefined && waited_ms > 0) {
      this.#waited_ms[this.#reason] = (this.#waited_ms[this.#reason] ?? 0) + waited_ms;
    }
    this.#reason = undefined;
  }

  /** What was waited for until the last `stop`, in ms; what took no time is not named. */
  get waited_ms(): Waits {
    return { ...this.#waited_ms };
  }

  refusal(now_ms: number): Refusal {
    this.stop(now_ms);
    return { kind: "refused", reason: this.#last, waited_ms: this.waited_ms };
  }
}
