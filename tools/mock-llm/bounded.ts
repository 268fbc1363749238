/** A map with a bound: nothing in the mock grows with the load. */

/** Keeps the `size_max` keys set or touched last. */
export class BoundedMap<V> {
  readonly #size_max: number;
  readonly #entries = new Map<string, V>();

  constructor(size_max: number) {
    this.#size_max = size_max;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  /** The value of a key, whose age stays what it was. */
  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  /** Sets a key and makes it the youngest; true when another one had to go. */
  set(key: string, value: V): boolean {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#size_max) return false;
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest);
      break;
    }
    return true;
  }

  entries(): IterableIterator<[string, V]> {
    return this.#entries.entries();
  }

  clear(): void {
    this.#entries.clear();
  }
}
