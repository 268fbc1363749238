/**
 * Looks after the cache: what has expired, was evicted or is not to be answered from any more leaves the index, memory, Redis and
 * `llm.cache`; and when Redis has lost its answers, they are put back.
 *
 * Every router cleans what it holds itself, and removes from Redis what was invalidated. One leads and writes the tombstones, so that the
 * topic hears of each entry about once: one too many costs a hit at the worst. What a leader that died did not say its successor says,
 * since all remember invalidations for longer than a lead lasts.
 */
import { type Clock, sleepUntil } from "../../../libs/shared/clock.ts";
import type { CacheEntryHead } from "../../../libs/shared/events/cache.ts";
import type { InvalidateEvent } from "../../../libs/shared/events/control.ts";
import type { OutRecord, Publisher } from "../../../libs/shared/kafka/ports.ts";
import type { Log } from "../../../libs/shared/log.ts";
import type { AnswerRef, CacheAnswers } from "../../../libs/shared/redis/cache-answers.ts";
import type { CacheIndex, IndexedEntry } from "./contract.ts";
import type { LocalAnswers } from "./local.ts";

const KEEPER_INTERVAL_MS = 60_000;
/** Longer than the time between two turns: the lead stays where it is. */
export const KEEPER_LEAD_MS = 150_000;
/** Who does not lead keeps what has expired so much longer, so that a new leader still knows it. */
const LATER_MS = 3 * KEEPER_INTERVAL_MS;
const FIRST_TURN_MS = 5_000;
/** Between two turns that were called for. */
const PAUSE_MS = 10_000;
/** Taken away together. */
const CHUNK = 500;
/** Invalidations that are looked at again in so many turns: the view may not have read all that they mean, or the leader have died. */
const REMEMBERED_MAX = 1_000;
const TURNS_AGAIN = 3;
/** Entries that wait for a part that is away to be taken out of it; of more, the first are left to expire. */
const LEFT_MAX = 200_000;

/** What names an entry everywhere. */
export type EntryPlace = Pick<CacheEntryHead, "namespace" | "entry_id" | "tenant">;

export type KeeperDeps = {
  readonly index: Pick<CacheIndex, "removeMatching" | "sweep" | "times">;
  readonly local: Pick<LocalAnswers, "remove">;
  readonly answers: Pick<CacheAnswers, "look" | "remove" | "isAlive">;
  readonly publisher: Publisher;
  /** Takes an entry away from `llm.cache`. */
  readonly tombstone: (entry: EntryPlace) => OutRecord;
  /** Whether this router leads now. Rejects (retryable) while Redis is away. */
  readonly leads: () => Promise<boolean>;
  /** Whether the view has read all of `llm.cache` that was there at the start. */
  readonly caughtUp: () => boolean;
  /** Puts the answers back into Redis, once among all routers. */
  readonly restore: (stopping: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of entries that went, for metrics. */
  readonly removed: (why: "expired" | "evicted" | "invalidated", count: number) => void;
};

type Remembered = {
  readonly event: InvalidateEvent;
  turns: number;
  /** Went by it, and this router has not told the topic. */
  places: EntryPlace[];
};

export class CacheKeeper {
  readonly #deps: KeeperDeps;
  readonly #stopping = new AbortController();
  #called = new AbortController();
  #running: Promise<void> | undefined;
  /** The end of all work with other parts so far: one piece follows another. */
  #tail: Promise<unknown> = Promise.resolve();
  #remembered: Remembered[] = [];
  /** Had expired when the view read them. */
  #stale: EntryPlace[] = [];
  /** To be removed from Redis. */
  #unremoved: AnswerRef[] = [];
  /** To be taken away from the topic. */
  #untold: EntryPlace[] = [];

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends after the turn that is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#tail;
  }

  /** An entry of the index has no answer in Redis, which may be empty: the next turn comes at once. */
  gone(): void {
    this.#called.abort();
  }

  /** The view passed over an entry because its time was over: the leader takes it from the topic. */
  expired(entry: EntryPlace): void {
    if (this.#stale.length < LEFT_MAX) this.#stale.push(placeOf(entry));
  }

  /**
   * Every router calls it for every such event. When it returns, nothing that the index knows and the event means is in memory any more;
   * when it resolves, nor in Redis. @throws while a part is away: the next turn does what is left.
   */
  async invalidate(event: InvalidateEvent): Promise<void> {
    const remembered: Remembered = { event, turns: TURNS_AGAIN, places: [] };
    this.#remembered = [...this.#remembered, remembered].slice(-REMEMBERED_MAX);
    this.#forget(remembered);
    await this.#next(async () => {
      this.#unremoved.push(...(await this.#named(event)));
      await this.#clean();
    });
  }

  /** One turn's work. @throws while a part is away: the next turn does what is left. */
  async turn(): Promise<void> {
    const { caughtUp, answers, restore } = this.#deps;
    await this.#next(async () => {
      for (const remembered of this.#remembered) this.#forget(remembered);
      this.#sweep(await this.#deps.leads().catch(() => false));
      await this.#clean();
      if (!caughtUp()) return;
      for (const remembered of this.#remembered) remembered.turns -= 1;
      this.#remembered = this.#remembered.filter(({ turns }) => turns > 0);
    });
    if (caughtUp() && !(await answers.isAlive())) await restore(this.#stopping.signal);
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    const stopping = this.#stopping.signal;
    for (let wait_ms = FIRST_TURN_MS; ; wait_ms = KEEPER_INTERVAL_MS) {
      await sleepUntil(clock, wait_ms, [stopping, this.#called.signal]);
      if (stopping.aborted) return;
      await this.turn().catch((error: unknown) => log.warn({ error }, "the next turn looks after the cache"));
      if (!this.#called.signal.aborted) continue;
      await sleepUntil(clock, PAUSE_MS, [stopping]);
      this.#called = new AbortController();
    }
  }

  /** Out of the index and memory: at once, whatever else is away. */
  #forget(remembered: Remembered): void {
    const { index, local, removed } = this.#deps;
    const { selector, at_ms } = remembered.event;
    const entries = index.removeMatching(selector, at_ms);
    if (entries.length === 0) return;
    local.remove(entries);
    removed("invalidated", entries.length);
    const places = entries.map(placeOf);
    this.#unremoved = joined(this.#unremoved, places);
    remembered.places = joined(remembered.places, places);
  }

  #sweep(leads: boolean): void {
    const { index, local, clock, removed } = this.#deps;
    const now_ms = clock.now_ms();
    const swept = index.sweep(leads ? now_ms : now_ms - LATER_MS);
    const isEvicted = ({ expires_ms }: IndexedEntry): boolean => expires_ms > now_ms;
    const evicted = swept.filter(isEvicted);
    removed("evicted", evicted.length);
    removed("expired", swept.length - evicted.length);
    if (swept.length > 0) local.remove(swept);
    // What has expired ends in Redis by itself.
    if (leads) this.#unremoved = joined(this.#unremoved, evicted.map(placeOf));
    if (leads) this.#untold = joined(this.#untold, swept.map(placeOf));
    // A newer answer to the same may not have been read yet.
    if (!this.#deps.caughtUp()) return;
    if (leads) this.#untold = joined(this.#untold, this.#stale);
    this.#stale = [];
  }

  /** One entry by its name, also where the index does not have it. */
  async #named({ selector, at_ms }: InvalidateEvent): Promise<AnswerRef[]> {
    const { tenant, entry_id, ...more } = selector;
    const is_plain = Object.values(more).every((given) => given === undefined);
    if (tenant === undefined || entry_id === undefined || !is_plain) return [];
    const ref = { tenant, entry_id };
    this.#deps.local.remove([ref]);
    const [sight] = await this.#deps.answers.look([ref]);
    return sight?.answer !== undefined && sight.answer.created_ms <= at_ms ? [ref] : [];
  }

  /** Out of Redis, and, by the leader, out of the topic. */
  async #clean(): Promise<void> {
    const { index, answers, local, leads, publisher, tombstone } = this.#deps;
    while (this.#unremoved.length > 0) {
      const chunk = this.#unremoved.slice(0, CHUNK);
      await answers.remove(chunk);
      // What was read from Redis before it went does not stay in memory either.
      local.remove(chunk);
      this.#unremoved = this.#unremoved.slice(chunk.length);
    }
    if (!(await leads())) return;
    for (const remembered of this.#remembered) {
      this.#untold = joined(this.#untold, remembered.places);
      remembered.places = [];
    }
    while (this.#untold.length > 0) {
      const chunk = this.#untold.slice(0, CHUNK);
      // What is in the index was made anew meanwhile.
      const gone = chunk.filter((place) => index.times(place) === undefined);
      if (gone.length > 0) await publisher.publish(gone.map(tombstone));
      this.#untold = this.#untold.slice(chunk.length);
    }
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#tail.then(work);
    this.#tail = run.catch(() => undefined);
    return run;
  }
}

function placeOf({ namespace, entry_id, tenant }: EntryPlace): EntryPlace {
  return { namespace, entry_id, tenant };
}

function joined<T>(all: readonly T[], more: readonly T[]): T[] {
  return all.concat(more).slice(-LEFT_MAX);
}
