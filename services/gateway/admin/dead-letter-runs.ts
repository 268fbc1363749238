/** Redrives and drops that were asked for here, in the background: one at a time, and told of while it goes on and after. */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { DeadLetters, DropSummary } from "../../../libs/shared/dead-letters/dead-letters.ts";
import type { DeadLetterFilter } from "../../../libs/shared/dead-letters/filter.ts";
import type { Progress, RedriveSummary } from "../../../libs/shared/dead-letters/redriving.ts";
import { describe } from "../../../libs/shared/errors.ts";
import type { Log } from "../../../libs/shared/log.ts";

export type LetterAct =
  | {
      readonly act: "redrive";
      readonly by: string;
      readonly why?: string;
      readonly rate_per_s?: number;
      readonly force?: boolean;
    }
  | { readonly act: "drop"; readonly by: string; readonly why: string };

export type LetterRun = {
  readonly act: LetterAct["act"];
  readonly by: string;
  readonly started_ms: number;
  readonly ended_ms: number | null;
  /** `stopped`: by a person, or since this gateway ended. */
  readonly status: "running" | "done" | "stopped" | "failed";
  readonly progress: Progress;
  readonly summary: RedriveSummary | DropSummary | null;
  readonly error: string | null;
};

export type LetterRunsDeps = {
  readonly letters: Pick<DeadLetters, "redrive" | "drop">;
  readonly clock: Clock;
  readonly log: Log;
};

export class LetterRuns {
  readonly #deps: LetterRunsDeps;
  #run: LetterRun | undefined;
  #stopping = new AbortController();
  #ending: Promise<void> = Promise.resolve();

  constructor(deps: LetterRunsDeps) {
    this.#deps = deps;
  }

  /** The one under way, or the last one. */
  get run(): LetterRun | undefined {
    return this.#run;
  }

  /** @returns false while another one is under way. */
  start(filter: DeadLetterFilter, act: LetterAct): boolean {
    if (this.#run?.status === "running") return false;
    this.#stopping = new AbortController();
    this.#run = {
      ...{ act: act.act, by: act.by, started_ms: this.#deps.clock.now_ms(), ended_ms: null, status: "running" },
      ...{ progress: { passed: 0, of: 0, done: 0 }, summary: null, error: null },
    };
    this.#ending = this.#work(filter, act, this.#stopping.signal);
    return true;
  }

  /** What was sent by then is noted; the rest waits as before. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#ending;
  }

  /** What somebody wants to know before. */
  look(filter: DeadLetterFilter, act: LetterAct, stopping: AbortSignal): Promise<RedriveSummary | DropSummary> {
    return this.#do(filter, act, true, { stopping });
  }

  async #work(filter: DeadLetterFilter, act: LetterAct, stopping: AbortSignal): Promise<void> {
    const { log, clock } = this.#deps;
    try {
      const progress = (now: Progress): void => this.#note({ progress: now });
      const summary = await this.#do(filter, act, false, { stopping, progress });
      this.#note({ summary, status: summary.stopped ? "stopped" : "done" });
    } catch (error) {
      log.warn({ error, act: act.act }, "dead letters could not be dealt with");
      this.#note({ status: "failed", error: describe(error) });
    }
    this.#note({ ended_ms: clock.now_ms() });
  }

  #do(
    filter: DeadLetterFilter,
    act: LetterAct,
    dry_run: boolean,
    watch: { readonly stopping: AbortSignal; readonly progress?: (progress: Progress) => void },
  ): Promise<RedriveSummary | DropSummary> {
    const { letters } = this.#deps;
    if (act.act === "drop") return letters.drop(filter, { by: act.by, why: act.why, dry_run }, watch);
    const { act: _, ...ask } = act;
    return letters.redrive(filter, { ...ask, dry_run }, watch);
  }

  #note(change: Partial<LetterRun>): void {
    if (this.#run !== undefined) this.#run = { ...this.#run, ...change };
  }
}
