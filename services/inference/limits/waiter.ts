/** One caller that waits to be let through: granted, or refused when its time is up or its signal aborts. */
import type { Clock } from "../../../libs/shared/clock.ts";

export type Grant = "granted" | "refused";

export type WaitBounds = {
  /** Epoch ms. */
  readonly until_ms: number;
  readonly signal: AbortSignal;
};

/** The longest that a timer of Node's can be set to. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

export class Waiter {
  readonly promise: Promise<Grant>;
  readonly #resolve: (grant: Grant) => void;
  #disarm: (() => void) | undefined;
  #ended = false;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<Grant>();
    this.promise = promise;
    this.#resolve = resolve;
  }

  /** Watches time and signal, unless the wait is over already. @param gaveUp called before the caller hears of its refusal. */
  arm(clock: Clock, { until_ms, signal }: WaitBounds, gaveUp: () => void): void {
    if (this.#ended) return;
    const refuse = (): void => {
      gaveUp();
      this.end("refused");
    };
    const timer = clock.after(Math.min(TIMER_MS_MAX, until_ms - clock.now_ms()), refuse);
    signal.addEventListener("abort", refuse, { once: true });
    this.#disarm = () => {
      timer.cancel();
      signal.removeEventListener("abort", refuse);
    };
  }

  end(grant: Grant): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#disarm?.();
    this.#resolve(grant);
  }
}

/** True when waiting is of no use from the start. */
export function isOver(now_ms: number, { until_ms, signal }: WaitBounds): boolean {
  return signal.aborted || until_ms <= now_ms;
}
