/**
 * What a call is charged before its tokens are known. Pure but for its own numbers.
 *
 * A call asks for the most it may use, often many times what it uses. Charged in full and refunded later, calls in flight would hold
 * back most of a limit; refunded in full at once, a window could hold both. So a call is charged its estimate times the part
 * that calls of late used of theirs, and the difference is settled either way: on average nothing, so that a window's true use
 * stays what the bucket let through. Calls in flight that use more than foreseen pass it for once, and the debt they leave slows what
 * follows. How much they can is bounded: past SURPLUS of the minute's limit, estimates are charged in full.
 */

/** Of the minute's limit: what calls in flight may use beyond their charges at the most. */
const SURPLUS = 1;
/** Calls that weigh in the ratio, the latest most. */
const CALLS = 128;
/** Calls until the ratio is believed in full; before, the estimates are, in part. */
const CALLS_MIN = 8;
/** Sums of fractions: what lies so little above a whole token is one. */
const ROUNDING = 1e-6;

export class TokenForecast {
  #estimated = 0;
  #actual = 0;
  #calls = 0;
  #open_estimated = 0;
  #open_charged = 0;

  /**
   * The tokens to charge for a call; nothing is noted yet.
   * @param per_minute the limit that the charges are under, if any.
   * @param ahead what calls asked for just before this one, and not noted yet, may use beyond their charges.
   */
  charge(estimated: number, per_minute: number | undefined, ahead = 0): number {
    if (per_minute === undefined) return estimated;
    const open = Math.max(0, this.#open_estimated - this.#open_charged) + ahead;
    const room = Math.max(0, SURPLUS * per_minute - open);
    return Math.max(0, Math.ceil(Math.max(estimated * this.#ratio(), estimated - room) - ROUNDING));
  }

  /** A call was sent under this charge. */
  open(estimated: number, charged: number): void {
    this.#open_estimated += estimated;
    this.#open_charged += charged;
  }

  /**
   * A call is over. @param actual undefined where it is not known: the charge stands.
   * @returns tokens to give back; negative: to take.
   */
  settle(estimated: number, actual: number | undefined): number {
    const charged = this.#close(estimated);
    if (actual === undefined) return 0;
    const kept = 1 - 1 / CALLS;
    this.#estimated = this.#estimated * kept + estimated;
    this.#actual = this.#actual * kept + actual;
    this.#calls = Math.min(CALLS_MIN, this.#calls + 1);
    return charged - actual;
  }

  /** A call was not made. @returns tokens to give back. */
  cancel(estimated: number): number {
    return this.#close(estimated);
  }

  #ratio(): number {
    const trust = this.#estimated > 0 ? this.#calls / CALLS_MIN : 0;
    return 1 - trust + trust * (this.#actual / Math.max(1, this.#estimated));
  }

  /** The call's part of all that is charged and open: exact in sum, whichever call it is. */
  #close(estimated: number): number {
    const part = this.#open_estimated > 0 ? Math.min(1, estimated / this.#open_estimated) : 1;
    const charged = this.#open_charged * part;
    this.#open_estimated = Math.max(0, this.#open_estimated - estimated);
    this.#open_charged -= charged;
    return charged;
  }
}
