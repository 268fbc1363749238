/** Does something again and again, one round at a time, until it is stopped. */
import { type Clock, sleepUntil } from "./clock.ts";

export type RoundsOptions = {
  readonly clock: Clock;
  /** @returns how long until the next one, in ms. @param stopping for a round that is long. */
  readonly round: (stopping: AbortSignal) => Promise<number>;
  /** A round has thrown. @returns how long until the next one, in ms. */
  readonly failed: (error: unknown) => number;
};

export type Rounds = {
  /** Resolves when the round under way has ended. */
  stop(): Promise<void>;
};

/** The first round begins at once. */
export function startRounds({ clock, round, failed }: RoundsOptions): Rounds {
  const stopping = new AbortController();
  const { signal } = stopping;
  const running = (async () => {
    while (!signal.aborted) {
      const wait_ms = await round(signal).catch(failed);
      await sleepUntil(clock, wait_ms, [signal]);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
