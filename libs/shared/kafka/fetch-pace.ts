/**
 * How long a consumer waits before it fetches again. Pure.
 *
 * A fetch is answered as soon as there is one record, so under load every few records cost a fetch, a handler call and all that it sends.
 * A short pause gathers more. What came is handled meanwhile: only what comes during the pause waits, and at most for its length.
 * There is none where so little comes that it would gather nothing. It is in proportion to what handling takes: where all is quick the
 * pause is too, and where the machine is busy a longer one adds little to a record's time and saves most.
 */

/** How long a record counts for the rate. */
const MEMORY_MS = 100;
/** Fewer than this are not worth a wait. */
const RECORDS_MIN = 2;
/** More than this in one fetch gains nothing. */
const RECORDS_WANTED = 64;
/** Of the time that handling takes. */
const HANDLING_SHARE = 1;
/** The weight of the latest call in what handling takes. */
const LATEST_WEIGHT = 0.1;

export class FetchPace {
  readonly #pause_ms_max: number;
  #rate_per_ms = 0;
  #counted_ms = 0;
  #handling_ms = 0;
  readonly #patient: boolean;

  /**
   * @param pause_ms_max 0: never waits.
   * @param patient the pause does not depend on what handling takes.
   */
  constructor(pause_ms_max: number, patient = false) {
    this.#pause_ms_max = pause_ms_max;
    this.#patient = patient;
  }

  /** @param now_ms epoch ms. */
  took(records: number, now_ms: number): void {
    this.#rate_per_ms = this.#rateAt(now_ms) + records / MEMORY_MS;
    this.#counted_ms = now_ms;
  }

  /** Some records were in hand for so long. */
  handled(took_ms: number): void {
    this.#handling_ms += (took_ms - this.#handling_ms) * LATEST_WEIGHT;
  }

  /** Before the next fetch. */
  pause_ms(now_ms: number): number {
    const rate_per_ms = this.#rateAt(now_ms);
    const share_ms = this.#patient ? this.#pause_ms_max : this.#handling_ms * HANDLING_SHARE;
    const longest_ms = Math.min(this.#pause_ms_max, share_ms);
    if (rate_per_ms * longest_ms < RECORDS_MIN) return 0;
    return Math.min(longest_ms, RECORDS_WANTED / rate_per_ms);
  }

  #rateAt(now_ms: number): number {
    return this.#rate_per_ms * Math.exp(Math.min(0, this.#counted_ms - now_ms) / MEMORY_MS);
  }
}
