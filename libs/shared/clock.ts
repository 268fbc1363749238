/** Time as an argument: real in services, virtual in the simulation. */

export type Timer = { cancel(): void };

export interface Clock {
  /** Epoch milliseconds. */
  now_ms(): number;
  /** Runs `task` once after `delay_ms`. */
  after(delay_ms: number, task: () => void): Timer;
}

/** The wall clock. Its timers never keep a process alive on their own. */
export const systemClock: Clock = {
  now_ms: () => Date.now(),
  after(delay_ms, task) {
    const timer = setTimeout(task, delay_ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves after `delay_ms` on the given clock. */
export function sleep(clock: Clock, delay_ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delay_ms, resolve);
  });
}

/** As `sleep`, and ends early when one of the signals is aborted. */
export function sleepUntil(clock: Clock, delay_ms: number, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      for (const signal of signals) signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(delay_ms, end);
    for (const signal of signals) signal.addEventListener("abort", end, { once: true });
    if (signals.some((signal) => signal.aborted)) end();
  });
}
