/** npm and the terminal may both deliver one Ctrl-C: what comes this soon after the first is the same wish. */
const SAME_WISH_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export type Interrupts = {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP: stop in order. */
  readonly signal: AbortSignal;
  /** Resolves with that first signal. */
  readonly first: Promise<void>;
  dispose(): void;
};

/** Listens for the wish to stop; a second, later wish calls `force`, which should end everything at once. */
export function listenForInterrupts(force: () => void): Interrupts {
  const controller = new AbortController();
  const { promise: first, resolve } = Promise.withResolvers<void>();
  let first_ms: number | undefined;
  const listener = (): void => {
    const now_ms = Date.now();
    if (first_ms === undefined) {
      first_ms = now_ms;
      controller.abort();
      resolve();
    } else if (now_ms - first_ms >= SAME_WISH_MS) force();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return {
    signal: controller.signal,
    first,
    dispose: () => {
      for (const signal of SIGNALS) process.removeListener(signal, listener);
    },
  };
}
