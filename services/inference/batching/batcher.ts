/**
 * Collects members that may share a call and hands them over together. Numbered where they are kept:
 *
 * - B1 Members of different keys never share a batch.
 * - B2 Every member ends once: with its own answer, or with the error of its batch.
 * - B3 What came together leaves together; within a key in order of arrival, or by `orderOf`.
 * - B4 At most `open_max` batches collect and `in_flight_max` are in flight (I6). Members that wait are bounded by the caller, who
 *   holds a job for each. While as many are in flight as may be, what collects goes on collecting beyond its wait.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { BatchingSettings } from "../../../libs/shared/config/inference.ts";
import { type AdaptiveSettings, AdaptiveSize } from "./adaptive.ts";
import { type Batch, type BatchBounds, type FlushReason, OpenBatch, type Weight } from "./policy.ts";
import { orderByGroup } from "./prefix.ts";

const OPEN_MAX = 256;
const IN_FLIGHT_MAX = 64;

/** A batch's call, for whoever makes it. */
export type BatchCall = {
  /** How long each member waited for the others, in the order of the members. */
  readonly waited_ms: readonly number[];
  /**
   * Tells how long the call to the model took, without waits for a permit; the first one told counts. Without it, the whole
   * flush is taken for the call.
   */
  took(latency_ms: number): void;
};

export type MicroBatcherOptions<Member, Answer> = {
  readonly clock: Clock;
  readonly settings: BatchingSettings & AdaptiveSettings & BatchBounds;
  /**
   * Answers in the order of the members. One that is a promise keeps only its own member waiting; the batch is in flight until all
   * of them are settled. A rejection is every member's.
   */
  readonly flush: (members: readonly Member[], call: BatchCall) => Promise<readonly (Answer | PromiseLike<Answer>)[]>;
  readonly weigh: (member: Member) => Weight;
  /** Members share a batch only when their keys are equal. */
  readonly keyOf: (member: Member) => string;
  /** Members of a batch with the same one are handed over next to each other; empty: on its own. */
  readonly orderOf?: (member: Member) => string;
  /** `fixed`: batches of `size_max` whatever their latency. Default `adaptive`. */
  readonly sizing?: "adaptive" | "fixed";
  /** Batches that collect at once; one more sends the oldest. Default 256. */
  readonly open_max?: number;
  /** Batches in flight at once. Default 64. */
  readonly in_flight_max?: number;
  /** Told of every batch that leaves. */
  readonly onBatch?: (size: number, why: FlushReason) => void;
};

type Waiting<Member, Answer> = {
  readonly member: Member;
  readonly group: string;
  readonly since_ms: number;
  resolve(answer: Answer | PromiseLike<Answer>): void;
  reject(error: unknown): void;
};

export class MicroBatcher<Member, Answer> {
  readonly #options: MicroBatcherOptions<Member, Answer>;
  readonly #adaptive: AdaptiveSize;
  /** By key, in the order in which they were opened: the first one is due first. */
  readonly #open = new Map<string, OpenBatch<Waiting<Member, Answer>>>();
  /** Left, and wait until fewer are in flight. */
  readonly #ready: Batch<Waiting<Member, Answer>>[] = [];
  readonly #running = new Set<Promise<void>>();
  #waiting = 0;
  #timer: { readonly timer: Timer; readonly at_ms: number } | undefined;
  #closed = false;

  constructor(options: MicroBatcherOptions<Member, Answer>) {
    this.#options = options;
    this.#adaptive = new AdaptiveSize(options.settings, options.sizing);
  }

  /** Members that have not left. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Batches that left and have not ended. */
  get in_flight(): number {
    return this.#adaptive.in_flight;
  }

  /** Members that a batch may have now. */
  get size(): number {
    return this.#adaptive.pace(0).size;
  }

  /** The member's answer, when its batch has one. Rejects when the flush does, or the batcher is closed. */
  async submit(member: Member): Promise<Answer> {
    if (this.#closed) throw new Error("the batcher is closed");
    const { clock, keyOf, weigh, orderOf, settings, open_max = OPEN_MAX } = this.#options;
    const key = keyOf(member);
    const weight = weigh(member);
    const group = orderOf?.(member) ?? "";
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const since_ms = clock.now_ms();
    this.#waiting += 1;
    const open = this.#open.get(key) ?? new OpenBatch(settings);
    const due = open.add({ member, group, since_ms, resolve, reject }, weight, since_ms, this.size);
    // Taken out when it was emptied, so that what is in it now stands behind what was opened before.
    if (due.length > 0) this.#open.delete(key);
    if (open.size > 0) this.#open.set(key, open);
    this.#leave(due);
    if (this.#open.size > open_max) this.#leaveFirst("open");
    this.#arm();
    return promise;
  }

  /** Sends what has collected and waits until every batch has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
    while (this.#open.size > 0) this.#leaveFirst("close");
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Sends what is due, and comes back when the next is. */
  #turn(): void {
    this.#start();
    const now_ms = this.#options.clock.now_ms();
    // One pace for all that are due, of whatever key: the first of them must not make the others wait (B3).
    const { wait_ms } = this.#adaptive.pace(this.#waiting);
    while (this.#hasRoom() && this.#firstUntil_ms(now_ms, wait_ms) === 0) {
      this.#leaveFirst(this.#options.settings.wait_ms > 0 && wait_ms === 0 ? "idle" : "wait");
    }
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#options;
    const now_ms = clock.now_ms();
    const until_ms = this.#firstUntil_ms(now_ms, this.#adaptive.pace(this.#waiting).wait_ms);
    // Without room there is nothing to wake for: the end of a batch is the next turn.
    if (until_ms === undefined || !this.#hasRoom()) return;
    const at_ms = now_ms + until_ms;
    if (this.#timer !== undefined && this.#timer.at_ms <= at_ms) return;
    this.#timer?.timer.cancel();
    const timer = clock.after(until_ms, () => {
      this.#timer = undefined;
      this.#turn();
    });
    this.#timer = { timer, at_ms };
  }

  #firstUntil_ms(now_ms: number, wait_ms: number): number | undefined {
    return this.#open.values().next().value?.until_ms(now_ms, wait_ms);
  }

  #leaveFirst(why: FlushReason): void {
    const [first] = this.#open;
    if (first === undefined) return;
    this.#open.delete(first[0]);
    this.#leave([first[1].flush(why)]);
  }

  #leave(batches: readonly Batch<Waiting<Member, Answer>>[]): void {
    this.#ready.push(...batches);
    this.#start();
  }

  #hasRoom(): boolean {
    return this.#adaptive.in_flight < (this.#options.in_flight_max ?? IN_FLIGHT_MAX);
  }

  #start(): void {
    while (this.#hasRoom()) {
      const batch = this.#ready.shift();
      if (batch === undefined) return;
      this.#waiting -= batch.members.length;
      this.#options.onBatch?.(batch.members.length, batch.why);
      const running = this.#run(batch.members);
      this.#running.add(running);
      void running.then(() => this.#running.delete(running));
    }
  }

  async #run(batch: readonly Waiting<Member, Answer>[]): Promise<void> {
    const { clock, flush } = this.#options;
    const members = orderByGroup(batch, ({ group }) => group);
    const sent = this.#adaptive.sent(members.length);
    const started_ms = clock.now_ms();
    let latency_ms: number | undefined;
    const call: BatchCall = {
      waited_ms: members.map(({ since_ms }) => started_ms - since_ms),
      took(told_ms) {
        latency_ms ??= told_ms;
      },
    };
    let succeeded = false;
    try {
      const answers = await flush(
        members.map(({ member }) => member),
        call,
      );
      if (answers.length !== members.length) {
        throw new Error(`a batch of ${members.length} was given ${answers.length} answers`);
      }
      for (const [at, { resolve }] of members.entries()) resolve(answers[at] as Answer | PromiseLike<Answer>);
      const settled = await Promise.allSettled(answers);
      succeeded = settled.every(({ status }) => status === "fulfilled");
    } catch (error) {
      for (const { reject } of members) reject(error);
    }
    this.#adaptive.ended(sent, latency_ms ?? clock.now_ms() - started_ms, succeeded);
    this.#turn();
  }
}
