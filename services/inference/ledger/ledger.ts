/**
 * The attempt ledger (I3): a call is written down before it is sent, its answer before the offset moves. After a crash an answered
 * call is published without another one; one whose answer is unknown is counted and follows the setting. Runs are fenced by
 * compare-and-swap: who lost the job to another run learns it at its next step and ends without a trace.
 */
import { type Clock, sleep } from "../../../libs/shared/clock.ts";
import type { LedgerSettings } from "../../../libs/shared/config/inference.ts";
import { isRetryable } from "../../../libs/shared/errors.ts";
import {
  type Answer,
  type BatchPlace,
  decodeEntry,
  type Entry,
  encodeEntry,
  headLineOf,
  headOf,
  instanceOf,
  type Run,
} from "../../../libs/shared/redis/attempt-entry.ts";
import { type RetryContext, untilAvailable } from "../../../libs/shared/retry.ts";
import { type Opening, opening } from "./opening.ts";
import type { AttemptStore, JobName, Swap } from "./store.ts";

export type LedgerOptions = {
  readonly store: AttemptStore;
  readonly clock: Clock;
  /** How to wait for the store while it is away and a call is at stake. */
  readonly retry: RetryContext;
  readonly settings: LedgerSettings;
  /** Names this process among all workers, without white space. */
  readonly instance: string;
  /** Told of calls whose answers are unknown and of what they may have cost, for metrics. */
  readonly counted: (counts: { readonly unknown_calls: number; readonly duplicate_nusd: number }) => void;
};

/** How often a job that another living run works on is looked at. */
const LOOK_AGAIN_MS = 250;
/** How long a reservation holds without being renewed. */
const RESERVED_MS = 120_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

export type Opened =
  | { readonly kind: "mine"; readonly attempt: Attempt; readonly batch?: BatchPlace }
  | { readonly kind: "answered"; readonly attempt: Attempt; readonly answer: Answer }
  | { readonly kind: "done" }
  | { readonly kind: "quarantine"; readonly attempt: Attempt };

export class AttemptLedger {
  readonly #options: LedgerOptions;
  /** Runs of this process that have not ended. */
  readonly #live = new Set<string>();
  #runs = 0;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /**
   * Takes a job up. Waits while another living run works on it.
   * @param round rounds through retry topics that the job has behind it.
   * @returns undefined when `stopping` was aborted meanwhile.
   */
  async open(job: JobName, round: number, stopping: AbortSignal): Promise<Opened | undefined> {
    const { store, clock, settings, instance } = this.#options;
    this.#runs += 1;
    const run = `${instance}.${this.#runs}`;
    let stored = "";
    while (!stopping.aborted) {
      const entry = decodeEntry(stored);
      const owner = ownerOf(entry);
      const owner_lives = owner !== undefined && (await this.#lives(owner));
      const context = { run, round, on_unknown: settings.on_unknown, now_ms: clock.now_ms(), owner_lives };
      const next = opening(entry, context);
      if (next.kind === "wait") {
        await sleep(clock, LOOK_AGAIN_MS);
        stored = await store.read(job);
        continue;
      }
      const taken = await this.#take({ job, stored, entry, stopping }, next);
      if (taken.kind !== "changed") return taken.opened;
      stored = taken.stored;
    }
    return undefined;
  }

  async #lives(owner: string): Promise<boolean> {
    const instance = instanceOf(owner);
    return instance === this.#options.instance ? this.#live.has(owner) : this.#options.store.isAlive(instance);
  }

  async #take(
    { job, stored, entry, stopping }: Found,
    next: Exclude<Opening, { kind: "wait" }>,
  ): Promise<{ kind: "opened"; opened: Opened } | { kind: "changed"; stored: string }> {
    if (next.kind === "done") return { kind: "opened", opened: { kind: "done" } };
    if (next.kind === "answered") {
      const attempt = new Attempt(this.#options, { job, entry, stopping, ended: () => undefined });
      return { kind: "opened", opened: { kind: "answered", attempt, answer: next.answer } };
    }
    const state: Entry =
      next.kind === "resume" && entry.state === "dispatched"
        ? { ...entry, ...next.run }
        : { state: "reserved", ...next.run, until_ms: Math.round(this.#options.clock.now_ms()) + RESERVED_MS };
    const lost = next.kind === "resume" ? 0 : next.lost;
    const counts = lost === 0 ? undefined : { unknown_calls: lost, duplicate_nusd: 0 };
    const { store, settings, retry } = this.#options;
    const swap = swapOf(job, headLineOf(stored), state, settings.answer_ttl_hours * HOUR_MS, counts);
    const seen = await untilAvailable(
      retry,
      "attempt ledger",
      () => store.swap(swap),
      () => stopping.aborted,
    );
    // The reply to a first try may be lost: what is there already is as good as written.
    if (seen !== undefined && seen !== headOf(state)) return { kind: "changed", stored: seen };
    if (counts !== undefined) this.#options.counted(counts);
    const { run } = next.run;
    this.#live.add(run);
    const attempt = new Attempt(this.#options, { job, entry: state, stopping, ended: () => this.#live.delete(run) });
    if (next.kind === "quarantine") return { kind: "opened", opened: { kind: "quarantine", attempt } };
    const batch = next.kind === "resume" ? { batch: next.batch } : {};
    return { kind: "opened", opened: { kind: "mine", attempt, ...batch } };
  }
}

/** An entry as it was found. */
type Found = {
  readonly job: JobName;
  readonly stored: string;
  readonly entry: Entry;
  readonly stopping: AbortSignal;
};

type Hold = {
  readonly job: JobName;
  readonly entry: Entry;
  /** Ends the waiting for a store that is away. */
  readonly stopping: AbortSignal;
  readonly ended: () => void;
};

/** One run's hold on a job's entry. Every step says false when another run has taken the job: whatever this one has is dropped. */
export class Attempt {
  readonly #options: LedgerOptions;
  readonly #hold: Hold;
  #entry: Entry;

  constructor(options: LedgerOptions, hold: Hold) {
    this.#options = options;
    this.#hold = hold;
    this.#entry = hold.entry;
  }

  /** This run works on the job no more: to be called whatever became of it, so that the next one need not wait. */
  end(): void {
    this.#hold.ended();
    if (this.#entry.state === "reserved") void this.#leave({ ...this.#entry, until_ms: 0 });
  }

  /** Says that the run still works on the job, however long it waits before its next call. */
  async keep(): Promise<boolean> {
    if (this.#entry.state !== "reserved") return true;
    if (this.#entry.until_ms - this.#options.clock.now_ms() > RESERVED_MS / 2) return true;
    return this.#move({ ...this.#entry, until_ms: this.#reservedUntil_ms() });
  }

  /** Calls sent for the job so far, by this run and those before it. */
  get calls(): number {
    return this.#run.calls;
  }

  /** Those of them whose answers nobody knows: the provider may have billed them. */
  get unknown(): number {
    return this.#run.unknown;
  }

  /** Before a call is sent. `until_ms`: when it will have ended, one way or the other. */
  dispatch(until_ms: number, batch?: BatchPlace): Promise<boolean> {
    const { run, calls, unknown } = this.#run;
    // A batch that is now known by its id is the same call.
    const again = this.#entry.state === "dispatched";
    const next = { state: "dispatched" as const, run, calls: again ? calls : calls + 1, unknown, until_ms };
    return this.#move(batch === undefined ? next : { ...next, batch });
  }

  /** The call failed; nothing is under way any more. @param unknown whether the provider may have worked on it all the same. */
  async failed(unknown: boolean): Promise<boolean> {
    const { run, calls, unknown: before } = this.#run;
    const until_ms = this.#reservedUntil_ms();
    const next = { state: "reserved" as const, run, calls, unknown: before + (unknown ? 1 : 0), until_ms };
    const counts = { unknown_calls: 1, duplicate_nusd: 0 };
    const mine = await this.#move(next, unknown ? counts : undefined);
    if (mine && unknown) this.#options.counted(counts);
    return mine;
  }

  /**
   * @param cost_nusd of this answer: what each call with an unknown answer may have cost too.
   * @returns true also when the store is away and the service stops: published at once, the answer is as safe.
   */
  async answered(answer: Answer, cost_nusd: number): Promise<boolean> {
    const { run, calls, unknown } = this.#run;
    const counts = { unknown_calls: 0, duplicate_nusd: unknown * cost_nusd };
    const counted = counts.duplicate_nusd > 0 ? counts : undefined;
    try {
      const mine = await this.#move({ state: "answered", run, calls, unknown, answer }, counted);
      if (mine && counted !== undefined) this.#options.counted(counted);
      return mine;
    } catch (error) {
      if (isRetryable(error)) return true;
      throw error;
    }
  }

  /** The outcome is on its topic. Best effort: without it the answer is published once more and found to be late. */
  async published(): Promise<void> {
    const left = this.#leave({ state: "published" });
    this.#entry = { state: "published" };
    await left;
  }

  /** The request went to a retry topic. */
  async left(round: number): Promise<void> {
    const { calls, unknown } = this.#run;
    const next: Entry = { state: "left", round, calls, unknown };
    const left = this.#leave(next);
    this.#entry = next;
    await left;
  }

  /** The job of the next hop is on its topic. Kept as long as an answer: whoever closes its hold has to know that a call was made. */
  async passedOn(): Promise<void> {
    const { calls, unknown } = this.#run;
    const next: Entry = { state: "passed_on", calls, unknown };
    const left = this.#leave(next);
    this.#entry = next;
    await left;
  }

  async #leave(entry: Entry): Promise<void> {
    const { store, settings } = this.#options;
    // What was counted is still needed in the next round.
    const is_over = entry.state === "published";
    const ttl_ms = is_over ? settings.published_ttl_minutes * MINUTE_MS : settings.answer_ttl_hours * HOUR_MS;
    await store.swap(swapOf(this.#hold.job, headOf(this.#entry), entry, ttl_ms)).catch(() => undefined);
  }

  async #move(next: Entry, counts?: Swap["counts"]): Promise<boolean> {
    const { retry } = this.#options;
    const mine = await untilAvailable(
      retry,
      "attempt ledger",
      () => this.#swap(next, counts),
      () => this.#hold.stopping.aborted,
    );
    if (mine) this.#entry = next;
    return mine;
  }

  async #swap(next: Entry, counts: Swap["counts"]): Promise<boolean> {
    const { store, settings } = this.#options;
    const { job } = this.#hold;
    const ttl_ms = settings.answer_ttl_hours * HOUR_MS;
    let seen = await store.swap(swapOf(job, headOf(this.#entry), next, ttl_ms, counts));
    // Lost with Redis, the entry is written anew: nobody else can have taken the job by it.
    if (seen === "") seen = await store.swap(swapOf(job, "", next, ttl_ms, counts));
    // The reply to a first try may be lost: what is there already is as good as written.
    return seen === undefined || headLineOf(seen) === headOf(next);
  }

  #reservedUntil_ms(): number {
    return Math.round(this.#options.clock.now_ms()) + RESERVED_MS;
  }

  get #run(): Run {
    return this.#entry as Run;
  }
}

function swapOf(job: JobName, expected: string, next: Entry, ttl_ms: number, counts?: Swap["counts"]): Swap {
  const swap = { job, expected, next: encodeEntry(next), ttl_ms };
  return counts === undefined ? swap : { ...swap, counts };
}

function ownerOf(entry: Entry): string | undefined {
  return entry.state === "reserved" || entry.state === "dispatched" ? entry.run : undefined;
}
