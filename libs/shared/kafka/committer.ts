/** Says to the group what is done: on a timer, when it is about to reassign, and at the end. One commit at a time. */
import type { Clock, Timer } from "../clock.ts";
import type { Log } from "../log.ts";
import type { Assignment } from "./assignment.ts";
import type { ConsumerPort, PartitionOffset, TopicPartition } from "./ports.ts";

/**
 * Every so many commits all held partitions are committed again: a commit that timed out may arrive after a later one and set the
 * offset back, which nobody would correct on a partition that has gone quiet.
 */
const COMMIT_AGAIN_TICKS = 20;

export type CommitterOptions = {
  readonly consumer: ConsumerPort;
  readonly clock: Clock;
  readonly log: Log;
  readonly interval_ms: number;
  readonly assignment: Assignment;
  /** Told when it was found out how much room the commits' metadata takes. */
  readonly onMeasured: () => void;
  readonly onCommitted?: ((tp: TopicPartition, offset: number) => void) | undefined;
};

export class Committer {
  readonly #options: CommitterOptions;
  #ticks = 0;
  #timer: Timer | undefined;
  #stopped = false;
  #committing: Promise<void> | undefined;

  constructor(options: CommitterOptions) {
    this.#options = options;
  }

  /** Commits every `interval_ms` from now on. */
  start(): void {
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(this.#options.interval_ms, () => {
      this.#ticks += 1;
      void this.commit(this.#ticks % COMMIT_AGAIN_TICKS === 0).finally(() => this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** @param again Says what was committed before once more. Never rejects: what was not taken, the next commit says. */
  async commit(again = false): Promise<void> {
    const { consumer, assignment, log, onCommitted, onMeasured } = this.#options;
    while (this.#committing !== undefined) await this.#committing;
    const moved = assignment.commits(again);
    if (moved.length === 0) return;
    onMeasured();
    const offsets: PartitionOffset[] = moved.map(({ state, offset, metadata }) => ({ ...state.tp, offset, metadata }));
    this.#committing = consumer
      .commit(offsets)
      .then(() => {
        for (const { state, ...commit } of moved) state.tracker.committed(commit);
        for (const { state, offset } of moved) onCommitted?.(state.tp, offset);
      })
      .catch((error: unknown) => {
        log.debug({ error }, "offsets were not committed; the next commit says more");
      })
      .finally(() => {
        this.#committing = undefined;
      });
    await this.#committing;
  }
}
