/** How fast records may go: a token bucket that is paid afterwards, so that what is taken at once may be more than it holds. Pure. */

/** What was not used is kept for so long. */
const BURST_S = 0.25;
/** Pieces that a second is cut into: how often a slow replay is seen to move, and can be stopped. */
const PIECES_PER_S = 10;

export class Rate {
  readonly #per_s: number;
  /** When the next record may go. */
  #free_ms = Number.NEGATIVE_INFINITY;

  /** @param per_s records a second; above 0. */
  constructor(per_s: number) {
    this.#per_s = per_s;
  }

  /** How many records are best taken at once, at most `chunk`. */
  piece(chunk: number): number {
    return Math.min(chunk, Math.max(1, Math.ceil(this.#per_s / PIECES_PER_S)));
  }

  /** Takes so many records. @returns how long to wait before they go, in ms. */
  take(records: number, now_ms: number): number {
    const begin_ms = Math.max(this.#free_ms, now_ms - BURST_S * 1_000);
    this.#free_ms = begin_ms + (records / this.#per_s) * 1_000;
    return Math.max(0, begin_ms - now_ms);
  }
}
