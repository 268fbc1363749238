/**
 * Which offsets of one partition are done, and what a commit says of it. Pure.
 *
 * The *base* is the lowest offset that is not done: what a commit says. An offset is committed only once every lower one that
 * was delivered is done (I2). Offsets may have gaps (compaction, transaction markers), so the base moves along delivered
 * offsets and does not count; behind the last of them it moves past marks too, or a topic of transactions would never be read to
 * its end. What is done beyond the base goes into the commit's metadata.
 */
import { type DoneRange, encodeDone } from "./offset-map.ts";

export type Commit = {
  /** The next offset to read. */
  readonly offset: number;
  /** What is done beyond it, for `restore`. */
  readonly metadata: string;
  /** How much of the metadata's room is taken: above 1 something was left out. */
  readonly fill: number;
  /** Tells commits of one tracker apart, for `committed`. */
  readonly version: number;
};

export class OffsetTracker {
  /** Delivered offsets that the base has not passed, ascending, from index `#head` on. */
  #delivered: number[] = [];
  #timestamps_ms: number[] = [];
  #head = 0;
  readonly #done = new Set<number>();
  #first = 0;
  #base = 0;
  #highest = -1;
  /** All below was delivered or holds nothing to deliver; nought while that is not known. */
  #reached = 0;
  #committed = 0;
  /** Counts completions: a commit says all up to its version. */
  #version = 0;
  #committed_version = 0;
  /** Done under an earlier assignment, ascending; ranges that deliveries have passed are dropped. */
  #restored: DoneRange[] = [];

  /** Takes over what an earlier commit said is done, below its offset and beyond. To be called before the first `add`. */
  restore(done: readonly DoneRange[], committed = 0): void {
    this.#restored = [...done];
    this.#base = committed;
    this.#committed = committed;
    this.#first = committed;
    this.#reached = committed;
  }

  /** Offsets from `first` until before `next` hold nothing to deliver. Ignored where what is before them is not known. */
  pass(first: number, next: number): void {
    if (this.#reached > 0 && first <= this.#reached) this.#reached = Math.max(this.#reached, next);
  }

  /** @returns false when there is nothing to do: a redelivery of work in hand, or of work that is done. */
  add(offset: number, timestamp_ms: number): boolean {
    if (offset <= this.#highest) return false;
    if (this.#highest < 0) {
      this.#base = offset;
      this.#committed = offset;
      this.#first = offset;
    }
    this.#highest = offset;
    this.#reached = Math.max(this.#reached, offset + 1);
    this.#delivered.push(offset);
    this.#timestamps_ms.push(timestamp_ms);
    if (!this.#wasDone(offset)) return true;
    this.complete(offset);
    return false;
  }

  /** Marks one delivered offset done; the base moves past every done offset it can reach. */
  complete(offset: number): void {
    this.#version += 1;
    this.#done.add(offset);
    while (this.#head < this.#delivered.length) {
      const lowest = this.#delivered[this.#head] as number;
      if (!this.#done.delete(lowest)) break;
      this.#head += 1;
      this.#base = lowest + 1;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#delivered.length) {
      this.#delivered = this.#delivered.slice(this.#head);
      this.#timestamps_ms = this.#timestamps_ms.slice(this.#head);
      this.#head = 0;
    }
  }

  /**
   * What to commit, when something was done since the last `committed`; else undefined.
   * @param again Also when it was said before.
   */
  commit(again = false): Commit | undefined {
    const offset = this.position ?? this.#base;
    const moved = offset > this.#committed || (this.#version > this.#committed_version && this.#done.size > 0);
    if (!moved && !(again && offset > this.#first)) return undefined;
    return { offset, version: this.#version, ...encodeDone(offset, this.#doneRanges()) };
  }

  /** Remembers what was committed. */
  committed({ offset, version }: Pick<Commit, "offset" | "version">): void {
    if (offset > this.#committed) this.#committed = offset;
    if (version > this.#committed_version) this.#committed_version = version;
  }

  /** The next offset that is not done; undefined while nothing is known of the partition. */
  get position(): number | undefined {
    if (this.#highest < 0 && this.#reached === 0) return undefined;
    return this.#head === this.#delivered.length ? Math.max(this.#base, this.#reached) : this.#base;
  }

  /** The record time of the lowest offset that is not done, in epoch ms; undefined when all are. */
  get oldest_unfinished_ms(): number | undefined {
    return this.#timestamps_ms[this.#head];
  }

  /** Delivered offsets that are not done. */
  get unfinished(): number {
    return this.#delivered.length - this.#head - this.#done.size;
  }

  #wasDone(offset: number): boolean {
    let first = this.#restored[0];
    while (first !== undefined && first.to <= offset) {
      this.#restored.shift();
      first = this.#restored[0];
    }
    return first !== undefined && first.from <= offset;
  }

  /** Runs of done offsets beyond the base, over those delivered; what was restored and not delivered again stays known. */
  #doneRanges(): DoneRange[] {
    const ranges: DoneRange[] = [];
    if (this.#done.size > 0) {
      let from: number | undefined;
      let to = 0;
      for (let index = this.#head; index < this.#delivered.length; index += 1) {
        const offset = this.#delivered[index] as number;
        if (this.#done.has(offset)) {
          from ??= offset;
          to = offset + 1;
        } else if (from !== undefined) {
          ranges.push({ from, to });
          from = undefined;
        }
      }
      if (from !== undefined) ranges.push({ from, to });
    }
    return [...ranges, ...this.#restored.filter((range) => range.from > this.#highest)];
  }
}
