/** Says from time to time how the process is. Whatever goes wrong with that never disturbs the process's own work. */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import { startRounds } from "../rounds.ts";
import type { Beat, BeatStore, Sample } from "./beat.ts";

export type BeatingOptions = {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Pick<BeatStore, "write" | "remove">;
  readonly beat_ms: number;
  /** What does not change. */
  readonly of: Omit<Beat, "at_ms" | "draining" | "samples">;
  readonly sample: () => Promise<readonly Sample[]>;
};

export type Beating = {
  /** The process takes nothing new from now on: said at once, and with every beat that follows. */
  draining(): void;
  /** No beat follows, and the last one is taken back. Never rejects. */
  stop(): Promise<void>;
};

/** The first beat is given at once, the others every `beat_ms`; one that cannot be written is left out. */
export function startBeats({ clock, log, store, beat_ms, of, sample }: BeatingOptions): Beating {
  let draining = false;
  /** One beat at a time, so that none is written after a later one, nor after the last was taken back. */
  let writing: Promise<void> = Promise.resolve();
  let stopped = false;
  const beat = async (): Promise<void> => {
    if (stopped) return;
    try {
      const samples = await sample();
      await store.write({ ...of, draining, at_ms: clock.now_ms(), samples });
    } catch (error) {
      log.debug({ error }, "a beat was not written");
    }
  };
  const next = (): Promise<void> => {
    writing = writing.then(beat);
    return writing;
  };
  const rounds = startRounds({
    clock,
    round: async () => {
      await next();
      return beat_ms;
    },
    failed: () => beat_ms,
  });
  return {
    draining() {
      draining = true;
      void next();
    },
    async stop() {
      stopped = true;
      await rounds.stop();
      await writing;
      await store.remove(of.service, of.instance).catch((error: unknown) => {
        log.debug({ error }, "the last beat was not taken back");
      });
    },
  };
}
