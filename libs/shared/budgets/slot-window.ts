/**
 * A sliding window as slots with a running sum. Pure.
 *
 * A slot counts until its *last* moment is a whole window old, so no stretch as long as the window ever holds more than the
 * limit; what is lost for it is one slot of time: half a second of sixty, 0.8 % of the limit under steady load.
 */

export const RATE_SLOT_MS = 500;
/** Slots to a window, beside the one that is being filled. */
export const RATE_SLOTS = 120;
/** Of the window for spend velocity, whatever its length. */
export const VELOCITY_SLOTS = 60;

export class SlotWindow {
  readonly #slot_ms: number;
  readonly #slots: number;
  /** By slot number (time / slot_ms); at most `slots + 1` of them. */
  readonly #amounts = new Map<number, number>();
  #sum = 0;

  constructor(slot_ms: number, slots: number) {
    this.#slot_ms = slot_ms;
    this.#slots = slots;
  }

  get slot_ms(): number {
    return this.#slot_ms;
  }

  sum(now_ms: number): number {
    const oldest = this.#oldest(now_ms);
    for (const [slot, amount] of this.#amounts) {
      if (slot >= oldest) continue;
      this.#amounts.delete(slot);
      this.#sum -= amount;
    }
    return this.#sum;
  }

  /** Adds (or, negative, takes back) what belongs to `at_ms`; what left the window already does nothing. */
  add(at_ms: number, amount: number, now_ms: number): void {
    this.sum(now_ms);
    const slot = Math.floor(Math.min(at_ms, now_ms) / this.#slot_ms);
    if (slot < this.#oldest(now_ms)) return;
    this.#amounts.set(slot, (this.#amounts.get(slot) ?? 0) + amount);
    this.#sum += amount;
  }

  /** Until the sum has fallen to `target`, if nothing else comes. */
  fallsTo_ms(target: number, now_ms: number): number {
    let sum = this.sum(now_ms);
    let ends_ms = now_ms;
    for (const [slot, amount] of [...this.#amounts].sort(([one], [other]) => one - other)) {
      if (sum <= target) break;
      sum -= amount;
      ends_ms = (slot + this.#slots + 1) * this.#slot_ms;
    }
    return ends_ms - now_ms;
  }

  /** Until all that is in it now has left, seen right after something was added. */
  empties_ms(now_ms: number): number {
    return (Math.floor(now_ms / this.#slot_ms) + this.#slots + 1) * this.#slot_ms - now_ms;
  }

  #oldest(now_ms: number): number {
    return Math.floor(now_ms / this.#slot_ms) - this.#slots;
  }
}
