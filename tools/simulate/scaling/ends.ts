/** Records that are worked on, by when they end: a binary heap over plain arrays, for millions of them. Pure. */
export class Ends {
  readonly #at_ms: number[] = [];
  readonly #record: number[] = [];

  /** When the next one ends; infinity where none is. */
  get next_ms(): number {
    return this.#at_ms[0] ?? Number.POSITIVE_INFINITY;
  }

  push(at_ms: number, record: number): void {
    const times = this.#at_ms;
    const records = this.#record;
    let at = times.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const above_ms = times[above] as number;
      if (above_ms <= at_ms) break;
      times[at] = above_ms;
      records[at] = records[above] as number;
      at = above;
    }
    times[at] = at_ms;
    records[at] = record;
  }

  /** The record that ends next. */
  pop(): number {
    const times = this.#at_ms;
    const records = this.#record;
    const first = records[0] as number;
    const at_ms = times.pop() as number;
    const record = records.pop() as number;
    if (times.length === 0) return first;
    let at = 0;
    for (let below = 1; below < times.length; below = 2 * at + 1) {
      if (below + 1 < times.length && (times[below + 1] as number) < (times[below] as number)) below += 1;
      if ((times[below] as number) >= at_ms) break;
      times[at] = times[below] as number;
      records[at] = records[below] as number;
      at = below;
    }
    times[at] = at_ms;
    records[at] = record;
    return first;
  }
}
