/** Sweeps files from the start on and every minute; at once again where there was as much as one sweep takes. Wiring. */
import { type Clock, sleepUntil } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Swept } from "./postgres-files.ts";

const EVERY_MS = 60_000;
const LIMIT = 100;

export type SweepingDeps = {
  readonly files: { sweep(limit: number): Promise<Swept> };
  readonly clock: Clock;
  readonly log: Log;
};

export type Sweeping = { stop(): Promise<void> };

export function startSweeping({ files, clock, log }: SweepingDeps): Sweeping {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      let wait_ms = EVERY_MS;
      try {
        const swept = await files.sweep(LIMIT);
        if (swept.expired > 0) log.info(swept, "files whose time was over");
        if (swept.failed > 0) log.warn(swept, "bytes of files could not be removed; they come again");
        // Where the storage is away there is no end to it: only what was done counts.
        if (swept.expired === LIMIT || swept.removed === LIMIT) wait_ms = 0;
      } catch (error) {
        log.warn({ error }, "files could not be swept");
      }
      await sleepUntil(clock, wait_ms, [stopping.signal]);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
