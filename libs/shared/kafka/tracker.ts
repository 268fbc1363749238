/**
 * Which offsets of one partition are done. Pure.
 *
 * The *base* is the lowest offset that is not done: what a commit says. An offset is committed only once every lower one that
 * was delivered is done (I2). Offsets may have gaps (compaction, transaction markers), so the base moves along delivered
 * offsets and does not count.
 */
export class OffsetTracker {
  /** Delivered offsets that the base has not passed, ascending, from index `#head` on. */
  #delivered: number[] = [];
  #timestamps_ms: number[] = [];
  #head = 0;
  readonly #done = new Set<number>();
  #first = 0;
  #base = 0;
  #highest = -1;
  #committed = 0;

  /** @returns false when the offset is already known: a redelivery of work in hand or done. */
  add(offset: number, timestamp_ms: number): boolean {
    if (offset <= this.#highest) return false;
    if (this.#highest < 0) {
      this.#base = offset;
      this.#committed = offset;
      this.#first = offset;
    }
    this.#highest = offset;
    this.#delivered.push(offset);
    this.#timestamps_ms.push(timestamp_ms);
    return true;
  }

  /** Marks one delivered offset done; the base moves past every done offset it can reach. */
  complete(offset: number): void {
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
   * The next offset to read after a restart, when it moved since the last `committed`; else undefined.
   * @param again Also when it moved before that.
   */
  committable(again = false): number | undefined {
    return this.#base > (again ? this.#first : this.#committed) ? this.#base : undefined;
  }

  /** Remembers what was committed. */
  committed(offset: number): void {
    if (offset > this.#committed) this.#committed = offset;
  }

  /** The record time of the lowest offset that is not done, in epoch ms; undefined when all are. */
  get oldest_unfinished_ms(): number | undefined {
    return this.#timestamps_ms[this.#head];
  }

  /** Delivered offsets that are not done. */
  get unfinished(): number {
    return this.#delivered.length - this.#head - this.#done.size;
  }
}
