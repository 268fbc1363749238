/** First in, first out per partition; round robin over the partitions. Pure but for its own state. */

export class TurnQueue<T> {
  /** In the order of their turns; none is empty. */
  readonly #turns = new Map<string, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(partition: string, item: T): void {
    const queue = this.#turns.get(partition);
    if (queue === undefined) this.#turns.set(partition, new Set([item]));
    else queue.add(item);
    this.#size += 1;
  }

  /** The next ones in their order, `count` at the most; they stay. */
  peek(count: number): T[] {
    const found: T[] = [];
    let rounds = [...this.#turns.values()].slice(0, count).map((queue) => queue.values());
    while (rounds.length > 0 && found.length < count) {
      const left: SetIterator<T>[] = [];
      for (const round of rounds) {
        const { done, value } = round.next();
        if (done === true) continue;
        if (found.length < count) found.push(value);
        left.push(round);
      }
      rounds = left;
    }
    return found;
  }

  /** Takes one out that had its turn: its partition's next turn is the last. @returns false when it was not there. */
  serve(partition: string, item: T): boolean {
    const queue = this.#turns.get(partition);
    if (queue === undefined || !this.remove(partition, item)) return false;
    if (queue.size > 0) {
      this.#turns.delete(partition);
      this.#turns.set(partition, queue);
    }
    return true;
  }

  /** Takes one out that gave up. @returns false when it was not there. */
  remove(partition: string, item: T): boolean {
    const queue = this.#turns.get(partition);
    if (queue === undefined || !queue.delete(item)) return false;
    this.#size -= 1;
    if (queue.size === 0) this.#turns.delete(partition);
    return true;
  }
}
