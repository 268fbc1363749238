/**
 * How long a consumer waits before it fetches again. Pure.
 *
 * A fetch is answered as soon as there is one record, so under load every few records cost a fetch, a handler call and all that it sends.
 * A short pause gathers more. What came is handled meanwhile: only what comes during the pause waits, and at most for its length.
 * There is none where so little comes that it would gather nothing.
 */

/** How long a record counts for the rate. */
const MEMORY_MS = 100;
/** Fewer than this are not worth a wait. */
const RECORDS_MIN = 2;
/** More than this in one fetch gains nothing. */
const RECORDS_WANTED = 64;

export class FetchPace {
  readonly #pause_ms_max: number;
  #rate_per_ms = 0;
  #counted_ms = 0;

  /** @param pause_ms_max 0: never waits. */
  constructor(pause_ms_max: number) {
    this.#pause_ms_max = pause_ms_max;
  }

  /** @param now_ms epoch ms. */
  took(records: number, now_ms: number): void {
    this.#rate_per_ms = this.#rateAt(now_ms) + records / MEMORY_MS;
    this.#counted_ms = now_ms;
  }

  /** Before the next fetch. */
  pause_ms(now_ms: number): number {
    const rate_per_ms = this.#rateAt(now_ms);
    if (rate_per_ms * this.#pause_ms_max < RECORDS_MIN) return 0;
    return Math.min(this.#pause_ms_max, RECORDS_WANTED / rate_per_ms);
  }

  #rateAt(now_ms: number): number {
    return this.#rate_per_ms * Math.exp(Math.min(0, this.#counted_ms - now_ms) / MEMORY_MS);
  }
}
