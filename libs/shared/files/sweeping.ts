/** Sweeps files from the start on and every minute; at once again where there was as much as one sweep takes. Wiring. */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { type Rounds, startRounds } from "../rounds.ts";
import type { Swept } from "./postgres-files.ts";

const EVERY_MS = 60_000;
const LIMIT = 100;

export type SweepingDeps = {
  readonly files: { sweep(limit: number): Promise<Swept> };
  readonly clock: Clock;
  readonly log: Log;
};

export function startSweeping({ files, clock, log }: SweepingDeps): Rounds {
  return startRounds({
    clock,
    async round() {
      const swept = await files.sweep(LIMIT);
      if (swept.expired > 0) log.info(swept, "files whose time was over");
      if (swept.failed > 0) log.warn(swept, "bytes of files could not be removed; they come again");
      // Where the storage is away there is no end to it: only what was done counts.
      return swept.expired === LIMIT || swept.removed === LIMIT ? 0 : EVERY_MS;
    },
    failed(error) {
      log.warn({ error }, "files could not be swept");
      return EVERY_MS;
    },
  });
}
