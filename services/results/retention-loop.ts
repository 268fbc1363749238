/** Keeps the days of results, from the start on and every hour. Wiring. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { Log } from "../../libs/shared/log.ts";
import { type Rounds, startRounds } from "../../libs/shared/rounds.ts";
import type { RetentionRun } from "./retention.ts";

const EVERY_MS = 3_600_000;
/** After a run that was not done. */
const AGAIN_MS = 60_000;

export type RetentionLoopDeps = {
  /** `keepDays`, with the pool and the settings. */
  readonly keep: (stopping: AbortSignal) => Promise<RetentionRun>;
  readonly clock: Clock;
  readonly log: Log;
};

export function startRetention({ keep, clock, log }: RetentionLoopDeps): Rounds {
  return startRounds({
    clock,
    async round(stopping) {
      const run = await keep(stopping);
      if (run.made.length + run.dropped.length > 0) log.info(run, "partitions of results");
      return run.ended === "done" ? EVERY_MS : AGAIN_MS;
    },
    failed(error) {
      log.warn({ error }, "the partitions of results could not be looked after");
      return AGAIN_MS;
    },
  });
}
