/** A binary heap: the first item by a given order comes out first, in O(log n). Pure. */
export class Heap<T> {
  readonly #isBefore: (one: T, other: T) => boolean;
  #items: T[] = [];

  /** @param isBefore a strict order; items that neither stands before the other come out in no order that can be relied on. */
  constructor(isBefore: (one: T, other: T) => boolean) {
    this.#isBefore = isBefore;
  }

  get length(): number {
    return this.#items.length;
  }

  /** What `shift` would take; undefined while there is none. */
  get first(): T | undefined {
    return this.#items[0];
  }

  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = items[above] as T;
      if (!this.#isBefore(item, parent)) break;
      items[at] = parent;
      at = above;
    }
    items[at] = item;
  }

  shift(): T | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length > 0) this.#sink(0, last as T);
    return first;
  }

  /** Keeps what passes. @returns what was removed. */
  retain(keep: (item: T) => boolean): T[] {
    const removed: T[] = [];
    const kept: T[] = [];
    for (const item of this.#items) (keep(item) ? kept : removed).push(item);
    if (removed.length === 0) return removed;
    this.#items = kept;
    for (let at = (kept.length >> 1) - 1; at >= 0; at -= 1) this.#sink(at, kept[at] as T);
    return removed;
  }

  /** Puts an item where it belongs, at `at` or below. */
  #sink(at: number, item: T): void {
    const items = this.#items;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && this.#isBefore(items[below + 1] as T, items[below] as T)) below += 1;
      const child = items[below] as T;
      if (!this.#isBefore(child, item)) break;
      items[at] = child;
      at = below;
    }
    items[at] = item;
  }
}
