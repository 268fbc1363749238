/**
 * An endpoint's API keys in turn. Pure.
 *
 * A key refused with 401 or 403 is left out for a while; one that was told to slow down rests until its time. A key that was told
 * neither is taken first, then one that rests, and a refused one when there is no other: its call fails at once and says why.
 */

/** How long a refused key is left out. It may have been put in order by then. */
export const KEY_REFUSED_MS = 5 * 60_000;

type Key = { refused_until_ms: number; resting_until_ms: number; last_turn: number };

export class Keys {
  readonly #keys: Key[];
  #turn = 0;

  /** @param count of keys, known by index from 0; at least 1 (an endpoint without a key has one that is empty). */
  constructor(count: number) {
    this.#keys = Array.from({ length: count }, () => ({ refused_until_ms: 0, resting_until_ms: 0, last_turn: 0 }));
  }

  get count(): number {
    return this.#keys.length;
  }

  /** Keys that are not refused at present. */
  alive(now_ms: number): number {
    return this.#keys.filter(({ refused_until_ms }) => refused_until_ms <= now_ms).length;
  }

  /** @returns the index of the key for the next call. */
  take(now_ms: number): number {
    let best = 0;
    for (let index = 1; index < this.#keys.length; index += 1) if (this.#isBefore(index, best, now_ms)) best = index;
    this.#turn += 1;
    this.#at(best).last_turn = this.#turn;
    return best;
  }

  refused(index: number, now_ms: number): void {
    this.#at(index).refused_until_ms = now_ms + KEY_REFUSED_MS;
  }

  /** The provider answered a call with it: it is in order. */
  accepted(index: number): void {
    this.#at(index).refused_until_ms = 0;
  }

  rest(index: number, until_ms: number): void {
    const key = this.#at(index);
    key.resting_until_ms = Math.max(key.resting_until_ms, until_ms);
  }

  /** Epoch ms at which a key is ready; not after `now_ms` when one is. Refused keys count when all are. */
  readyAt_ms(now_ms: number): number {
    const alive = this.#keys.filter(({ refused_until_ms }) => refused_until_ms <= now_ms);
    const keys = alive.length > 0 ? alive : this.#keys;
    return Math.min(...keys.map(({ resting_until_ms }) => resting_until_ms));
  }

  #isBefore(one: number, other: number, now_ms: number): boolean {
    const a = this.#at(one);
    const b = this.#at(other);
    const refused_ms = Math.max(a.refused_until_ms, now_ms) - Math.max(b.refused_until_ms, now_ms);
    if (refused_ms !== 0) return refused_ms < 0;
    const resting_ms = Math.max(a.resting_until_ms, now_ms) - Math.max(b.resting_until_ms, now_ms);
    return resting_ms === 0 ? a.last_turn < b.last_turn : resting_ms < 0;
  }

  #at(index: number): Key {
    const key = this.#keys[index];
    if (key === undefined) throw new RangeError(`there is no key ${index}`);
    return key;
  }
}
