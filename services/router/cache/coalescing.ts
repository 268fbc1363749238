/**
 * Identical requests under way at once share one call. In Redis a lead names the request whose call answers all; who does not lead waits
 * here, until one of these, and asks nobody but this file for it:
 *
 * 1. the answer is there: all who wait have it;
 * 2. the lead has ended without an answer: each goes for itself;
 * 3. a bound is reached (time, deadline; or too many wait already): it goes for itself;
 * 4. the service stops: a retryable error, and the record is delivered again.
 *
 * Each lane has its own lead: the batch lane's takes its time. The lead's value is the request's id, so a leader that is delivered again finds itself leading. A lead ends by itself after the time
 * that anybody waits at the most.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { CacheSettings } from "../../../libs/shared/config/cache.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import {
  type AnswerRef,
  type CacheAnswers,
  type KeptAnswer,
  LANES,
  type Lane,
  type Look,
  type Sight,
} from "../../../libs/shared/redis/cache-answers.ts";
import type { CacheAsk } from "./contract.ts";

export type Shared =
  /** It calls for others too: whatever becomes of it must end the lead. */
  | { readonly kind: "leads" }
  /** It calls for itself. */
  | { readonly kind: "alone" }
  | { readonly kind: "answer"; readonly answer: KeptAnswer; readonly waited: boolean };

export type CoalescingDeps = {
  readonly looks: { look(look: Look): Promise<Sight> };
  readonly answers: Pick<CacheAnswers, "finish">;
  readonly clock: Clock;
  readonly settings: Omit<CacheSettings["coalesce"], "enabled">;
};

const ALONE: Shared = { kind: "alone" };

type Waiter = (ended: Shared | Error) => void;

/** Those of this process who ask for one entry in one lane. */
type Group = {
  readonly ref: AnswerRef;
  readonly lane: Lane;
  readonly waiters: Set<Waiter>;
  /** One of them asks Redis who leads. */
  asking: boolean;
  leader: string | undefined;
};

export class Coalescing {
  readonly #deps: CoalescingDeps;
  readonly #groups = new Map<string, Group>();
  #waiting = 0;
  #poll: Timer | undefined;

  constructor(deps: CoalescingDeps) {
    this.#deps = deps;
  }

  /** Requests that wait for another's answer. */
  get waiting(): number {
    return this.#waiting;
  }

  /**
   * For a request whose answer is not there.
   * @throws retryable when Redis is away, or when the service stops while it waits.
   */
  async share(ask: CacheAsk, stopping: AbortSignal): Promise<Shared> {
    const group = this.#groups.get(nameOf(ask));
    if (group === undefined) return ask.writes ? this.#ask(ask, stopping) : this.#see(ask, stopping);
    if (group.leader === ask.id && ask.writes) return { kind: "leads" };
    return this.#wait(group, ask, stopping);
  }

  /** A lead has ended, somebody says. */
  heard(ref: AnswerRef): void {
    for (const lane of LANES) {
      const group = this.#groups.get(nameOf({ ...ref, lane }));
      if (group !== undefined && !group.asking) void this.#lookAt(group);
    }
  }

  /** Who keeps nothing does not lead, for nobody could have its answer. It may have another's. */
  async #see(ask: CacheAsk, stopping: AbortSignal): Promise<Shared> {
    const { tenant, entry_id, lane } = ask;
    const sight = await this.#deps.looks.look({ tenant, entry_id, lead: { kind: "see", lane } });
    const { answer, leader } = this.#fresh(sight);
    if (answer !== undefined) return { kind: "answer", answer, waited: false };
    if (leader === undefined) return ALONE;
    const group = this.#groups.get(nameOf(ask)) ?? this.#open(ask, leader);
    return this.#wait(group, ask, stopping).finally(() => this.#close(group));
  }

  /** The first of this process takes the lead, unless another has it. */
  async #ask(ask: CacheAsk, stopping: AbortSignal): Promise<Shared> {
    const group = this.#open(ask, undefined);
    group.asking = true;
    const { id, lane } = ask;
    const ttl_ms = this.#deps.settings.wait_ms_max;
    try {
      const sight = await this.#deps.looks.look({ ...group.ref, lead: { kind: "take", lane, id, ttl_ms } });
      return this.#asked(group, this.#fresh(sight), ask, stopping);
    } catch (error) {
      this.#settle(group, error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      group.asking = false;
      this.#close(group);
    }
  }

  #asked(group: Group, sight: Sight, ask: CacheAsk, stopping: AbortSignal): Shared | Promise<Shared> {
    const { answer, leader } = sight;
    group.asking = false;
    const leads = leader === ask.id;
    if (answer !== undefined) {
      // It came between the look that missed it and this one.
      if (leads) this.#giveUp(group.ref, ask.id);
      this.#settle(group, { kind: "answer", answer, waited: true });
      return { kind: "answer", answer, waited: false };
    }
    group.leader = leader;
    if (leads) return { kind: "leads" };
    if (leader === undefined) {
      this.#settle(group, ALONE);
      return ALONE;
    }
    return this.#wait(group, ask, stopping);
  }

  /** Waits for the group's leader, within the bounds. */
  #wait(group: Group, { deadline_ms }: CacheAsk, stopping: AbortSignal): Promise<Shared> {
    const { settings, clock } = this.#deps;
    const left_ms = Math.min(settings.wait_ms_max, (deadline_ms ?? Number.POSITIVE_INFINITY) - clock.now_ms());
    if (this.#waiting >= settings.waiting_max || left_ms <= 0) return Promise.resolve(ALONE);
    return new Promise((resolve, reject) => {
      const end: Waiter = (ended) => {
        if (!group.waiters.delete(end)) return;
        this.#waiting -= 1;
        timer.cancel();
        stopping.removeEventListener("abort", stop);
        this.#close(group);
        if (ended instanceof Error) reject(ended);
        else resolve(ended);
      };
      const stop = (): void => end(stopped());
      const timer = clock.after(left_ms, () => end(ALONE));
      group.waiters.add(end);
      this.#waiting += 1;
      stopping.addEventListener("abort", stop, { once: true });
      if (stopping.aborted) stop();
      else this.#schedule();
    });
  }

  /** The word may be lost: all that is waited for is looked at every now and then. */
  #schedule(): void {
    this.#poll ??= this.#deps.clock.after(this.#deps.settings.poll_ms, () => {
      this.#poll = undefined;
      for (const group of this.#groups.values()) if (!group.asking) void this.#lookAt(group);
      if (this.#waiting > 0) this.#schedule();
    });
  }

  async #lookAt(group: Group): Promise<void> {
    let sight: Sight;
    try {
      sight = this.#fresh(await this.#deps.looks.look({ ...group.ref, lead: { kind: "see", lane: group.lane } }));
    } catch {
      // Redis is away: the next look or the bound of the wait ends it.
      return;
    }
    if (sight.answer !== undefined) this.#settle(group, { kind: "answer", answer: sight.answer, waited: true });
    else if (sight.leader === undefined) this.#settle(group, ALONE);
    else group.leader = sight.leader;
  }

  #settle(group: Group, ended: Shared | Error): void {
    for (const waiter of [...group.waiters]) waiter(ended);
  }

  #open({ tenant, entry_id, lane }: Place, leader: string | undefined): Group {
    const group: Group = { ref: { tenant, entry_id }, lane, waiters: new Set(), asking: false, leader };
    this.#groups.set(nameOf({ tenant, entry_id, lane }), group);
    return group;
  }

  /** A group without anybody in it is forgotten: the next one asks Redis. */
  #close(group: Group): void {
    const name = nameOf({ ...group.ref, lane: group.lane });
    if (!group.asking && group.waiters.size === 0 && this.#groups.get(name) === group) this.#groups.delete(name);
  }

  /** Not waited for: should it fail, the lead ends by itself. */
  #giveUp(ref: AnswerRef, id: string): void {
    this.#deps.answers.finish([], [{ ...ref, id }], this.#deps.clock.now_ms()).catch(() => undefined);
  }

  #fresh(sight: Sight): Sight {
    const { answer } = sight;
    return answer !== undefined && answer.expires_ms <= this.#deps.clock.now_ms()
      ? { ...sight, answer: undefined }
      : sight;
  }
}

type Place = AnswerRef & { readonly lane: Lane };

function nameOf({ tenant, entry_id, lane }: Place): string {
  return `${tenant} ${entry_id} ${lane}`;
}

function stopped(): SluiceError {
  return new SluiceError("stopping", "the service stops while a request waits for another's answer", {
    retryable: true,
  });
}
