/** Holds a replay's lease while it runs, hears what people want of it meanwhile, and writes down how far it is. */
import type { Clock } from "../../libs/shared/clock.ts";
import type { Log } from "../../libs/shared/log.ts";
import type { ReplaySave, ReplayStore } from "../../libs/shared/replay/replay.ts";
import { type Rounds, startRounds } from "../../libs/shared/rounds.ts";

export type LeaseDeps = {
  readonly store: ReplayStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly lease_ms: number;
};

export type LeaseHold = { readonly id: string; readonly owner: string };

/** What ends a run from outside. */
export type Interruption = "lost" | "pause" | "cancel";

const SAVE_EVERY_MS = 1_000;

/**
 * @param progress what is to be written down each time; undefined where there is nothing new.
 * @param interrupt called once at most. What is lost is another's: nothing may be written after that.
 */
export function holdLease(
  { store, clock, log, lease_ms }: LeaseDeps,
  { id, owner }: LeaseHold,
  progress: () => ReplaySave | undefined,
  interrupt: (why: Interruption) => void,
): Rounds {
  const every_ms = Math.min(SAVE_EVERY_MS, lease_ms / 4);
  let interrupted = false;
  return startRounds({
    clock,
    async round() {
      const now_ms = clock.now_ms();
      const verdict = await store.renew(id, owner, now_ms + lease_ms);
      if (verdict !== "held" && !interrupted) {
        interrupted = true;
        interrupt(verdict);
      }
      const save = verdict === "lost" ? undefined : progress();
      if (save !== undefined) await store.save(id, owner, save, now_ms);
      return every_ms;
    },
    // Nothing is wrong yet: whoever takes the replay meanwhile fences this run's writes.
    failed(error) {
      log.warn({ error, replay: id }, "the replay's lease could not be renewed");
      return every_ms;
    },
  });
}
