/**
 * Keeps the counters alive: notices that they are lost, has them restored from the ledger where the settings say so, and says when
 * they are back. While they are lost, paid work waits.
 */
import { type BackoffPolicy, backoff_ms } from "../../libs/shared/backoff.ts";
import type { CountersLife } from "../../libs/shared/budgets/admission-store.ts";
import { type Clock, sleepUntil } from "../../libs/shared/clock.ts";
import type { Log } from "../../libs/shared/log.ts";

/** Between two looks; the same when a rebuild fails, or when another process is at it. */
const BACKOFF: BackoffPolicy = { base_ms: 500, cap_ms: 15_000 };

export type CountersOptions = {
  readonly life: Pick<CountersLife, "epoch">;
  /** Restores the counters from `llm.usage`, or finds another process at it; whether they are back is looked at afterwards. */
  readonly rebuild: (signal: AbortSignal) => Promise<unknown>;
  /** `admission.rebuild`. */
  readonly mode: "auto" | "manual";
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
};

export class CountersKeeper {
  readonly #options: CountersOptions;
  readonly #stopping = new AbortController();
  #restoring: Promise<void> | undefined;
  #is_lost = false;
  #losses = 0;

  constructor(options: CountersOptions) {
    this.#options = options;
  }

  /** For the gauge `sluice_counters_lost`. */
  get is_lost(): boolean {
    return this.#is_lost;
  }

  /** For the counter `sluice_counters_losses_total`. */
  get losses(): number {
    return this.#losses;
  }

  /** Looks for itself: a Redis that never had counters is given some before the first request asks. */
  start(): void {
    this.#look();
  }

  /** To be told of each answer `lost`, however often. Returns at once. */
  lost(): void {
    this.#look();
  }

  /** Gives up what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#restoring;
  }

  #look(): void {
    if (this.#stopping.signal.aborted) return;
    this.#restoring ??= this.#restore().finally(() => {
      this.#restoring = undefined;
    });
  }

  async #restore(): Promise<void> {
    const { clock, random, log, mode, life, rebuild } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        if ((await life.epoch()) !== undefined) return this.#back();
        this.#gone();
        if (mode === "auto") {
          await rebuild(signal);
          if ((await life.epoch()) !== undefined) return this.#back();
        }
      } catch (error) {
        log.warn(
          { error },
          "whether budgets and limits have their counters is not known yet, or they could not be restored",
        );
      }
      // At least half of the ceiling, so that full jitter never spins.
      await sleepUntil(clock, backoff_ms(BACKOFF, attempt, 0.5 + 0.5 * random()), [signal]);
    }
  }

  #gone(): void {
    if (this.#is_lost) return;
    this.#is_lost = true;
    this.#losses += 1;
    const { log, mode } = this.#options;
    if (mode === "auto") {
      log.warn(
        {},
        "the counters of budgets and limits are lost; they are rebuilt from the ledger, and paid work waits",
      );
      return;
    }
    const message =
      "the counters of budgets and limits are lost and paid work waits: run `sluice rebuild budgets` (admission.rebuild is manual)";
    log.error({}, message);
  }

  #back(): void {
    if (!this.#is_lost) return;
    this.#is_lost = false;
    this.#options.log.info({}, "the counters of budgets and limits are back");
  }
}
