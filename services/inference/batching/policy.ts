/**
 * One batch that collects: what it holds, when it is due, and what leaves with it. Three verbs over time: add, until, flush.
 * Pure: time is an argument.
 */
import type { BatchingSettings } from "../../../libs/shared/config/inference.ts";

/** What a member adds to its batch. */
export type Weight = {
  readonly bytes: number;
  readonly tokens: number;
  /** Inputs of one embeddings call; 1 when not given. */
  readonly inputs?: number;
};

/** A batch's bounds. A single member that is larger than one of them goes alone. */
export type BatchBounds = Pick<BatchingSettings, "bytes_max" | "tokens_max"> & {
  /** Inputs of one call at the most; providers refuse more. */
  readonly inputs_max?: number;
};

/**
 * Why a batch left: it was full (`size`, `bytes`, `tokens`, `inputs`), its first member had waited (`wait`), nothing else was in
 * flight (`idle`), too many batches were open (`open`), or no more will come (`close`).
 */
export type FlushReason = "size" | "bytes" | "tokens" | "inputs" | "wait" | "idle" | "open" | "close";

export type Batch<Member> = { readonly members: readonly Member[]; readonly why: FlushReason };

type Limit = readonly [why: FlushReason, held: number, added: number, max: number];

export class OpenBatch<Member> {
  readonly #bounds: BatchBounds;
  #members: Member[] = [];
  #bytes = 0;
  #tokens = 0;
  #inputs = 0;
  #opened_ms = 0;

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#members.length;
  }

  /**
   * Takes a member. Returns what is to leave now, in order: the members before it when it does not fit beside them, and the batch
   * with it when nothing more fits.
   * @param size_max members at the most, from now on.
   */
  add(member: Member, weight: Weight, now_ms: number, size_max: number): Batch<Member>[] {
    const due: Batch<Member>[] = [];
    const before = this.#limits(weight).find(([, held, added, max]) => held + added > max);
    if (before !== undefined && this.size > 0) due.push(this.flush(before[0]));
    if (this.size === 0) this.#opened_ms = now_ms;
    this.#members.push(member);
    this.#bytes += weight.bytes;
    this.#tokens += weight.tokens;
    this.#inputs += weight.inputs ?? 1;
    const full = this.size >= size_max ? "size" : this.#limits().find(([, held, , max]) => held >= max)?.[0];
    if (full !== undefined) due.push(this.flush(full));
    return due;
  }

  /** Ms until the first member has waited `wait_ms`, from 0 up to that; undefined when there is none. */
  until_ms(now_ms: number, wait_ms: number): number | undefined {
    if (this.size === 0) return undefined;
    // A clock that was set back makes nobody wait longer than agreed.
    return Math.min(wait_ms, Math.max(0, this.#opened_ms + wait_ms - now_ms));
  }

  /** Hands everything over, in the order of arrival, and is empty again. */
  flush(why: FlushReason): Batch<Member> {
    const batch = { members: this.#members, why };
    this.#members = [];
    this.#bytes = 0;
    this.#tokens = 0;
    this.#inputs = 0;
    return batch;
  }

  #limits(weight?: Weight): readonly Limit[] {
    const inputs = weight === undefined ? 0 : (weight.inputs ?? 1);
    return [
      ["bytes", this.#bytes, weight?.bytes ?? 0, this.#bounds.bytes_max],
      ["tokens", this.#tokens, weight?.tokens ?? 0, this.#bounds.tokens_max],
      ["inputs", this.#inputs, inputs, this.#bounds.inputs_max ?? Number.POSITIVE_INFINITY],
    ];
  }
}
