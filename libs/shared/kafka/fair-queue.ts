/**
 * A queue whose competitors take turns, so that a flood of one never stands in front of another. Pure.
 *
 * Deficit round robin (Shreedhar and Varghese, "Efficient Fair Queuing using Deficit Round Robin", SIGCOMM 1995), with a cost of
 * 1 for each item: a competitor's weight is the number of its turns in a round. Bytes would be the cost on a network link. Here
 * items compete for slots of bounded work, of which each takes one; how long it stays there depends on what a model writes, which
 * the size of its prompt does not tell.
 *
 * - A competitor that comes new waits at most one round: the turns of all that are there.
 * - One that has nothing left loses its turns and is forgotten: there are never more competitors than items.
 */
import { Deque } from "./deque.ts";
import { Heap } from "./heap.ts";

export type FairQueueOptions<T> = {
  /** Turns in a round, 1 or more; asked when a competitor's turns begin. */
  readonly weightOf: (competitor: string) => number;
  /** The order among one competitor's items. */
  readonly isBefore: (one: T, other: T) => boolean;
};

type Competitor<T> = { readonly name: string; readonly items: Heap<T>; turns_left: number };

export class FairQueue<T> {
  readonly #options: FairQueueOptions<T>;
  readonly #competitors = new Map<string, Competitor<T>>();
  /** All competitors in the order of their turns; the first one's have begun when some are left. */
  readonly #round = new Deque<Competitor<T>>();
  #length = 0;

  constructor(options: FairQueueOptions<T>) {
    this.#options = options;
  }

  get length(): number {
    return this.#length;
  }

  /** How many have something queued. */
  get competitors(): number {
    return this.#competitors.size;
  }

  push(name: string, item: T): void {
    let competitor = this.#competitors.get(name);
    if (competitor === undefined) {
      competitor = { name, items: new Heap(this.#options.isBefore), turns_left: 0 };
      this.#competitors.set(name, competitor);
      this.#round.push(competitor);
    }
    competitor.items.push(item);
    this.#length += 1;
  }

  shift(): T | undefined {
    const competitor = this.#round.peek();
    const item = competitor?.items.shift();
    if (competitor === undefined || item === undefined) return undefined;
    this.#length -= 1;
    if (competitor.turns_left === 0) competitor.turns_left = this.#options.weightOf(competitor.name);
    competitor.turns_left -= 1;
    if (competitor.items.length === 0) {
      this.#round.shift();
      this.#competitors.delete(competitor.name);
    } else if (competitor.turns_left <= 0) {
      competitor.turns_left = 0;
      this.#round.shift();
      this.#round.push(competitor);
    }
    return item;
  }

  /** Keeps what passes, in its order. @returns what was removed. */
  retain(keep: (item: T) => boolean): T[] {
    const removed: T[] = [];
    for (const { items } of this.#competitors.values()) removed.push(...items.retain(keep));
    this.#length -= removed.length;
    for (const { name } of this.#round.retain(({ items }) => items.length > 0)) this.#competitors.delete(name);
    return removed;
  }
}
