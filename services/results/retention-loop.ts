/** Keeps the days of results, from the start on and every hour. Wiring. */
import type { Clock } from "../../libs/shared/clock.ts";
import { sleepUntil } from "../../libs/shared/clock.ts";
import type { Log } from "../../libs/shared/log.ts";
import type { RetentionRun } from "./retention.ts";

const EVERY_MS = 3_600_000;
/** After a run that was not done. */
const AGAIN_MS = 60_000;

export type RetentionLoop = { stop(): Promise<void> };

export type RetentionLoopDeps = {
  /** `keepDays`, with the pool and the settings. */
  readonly keep: (stopping: AbortSignal) => Promise<RetentionRun>;
  readonly clock: Clock;
  readonly log: Log;
};

export function startRetention({ keep, clock, log }: RetentionLoopDeps): RetentionLoop {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      let wait_ms = AGAIN_MS;
      try {
        const run = await keep(stopping.signal);
        if (run.ended === "done") wait_ms = EVERY_MS;
        if (run.made.length + run.dropped.length > 0) log.info(run, "partitions of results");
      } catch (error) {
        log.warn({ error }, "the partitions of results could not be looked after");
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
