/** How much work was in hand over time: the integral of the records in flight. Over the records done it is what one takes. Pure. */
export class BusyTime {
  #records = 0;
  #since_ms = 0;
  #busy_ms = 0;

  /** So many more records are in flight from now on, or fewer when negative. */
  change(records: number, now_ms: number): void {
    this.#busy_ms = this.read_ms(now_ms);
    this.#since_ms = now_ms;
    this.#records += records;
  }

  /** Milliseconds of all records together, until now. A clock that was set back adds nothing. */
  read_ms(now_ms: number): number {
    return this.#busy_ms + this.#records * Math.max(0, now_ms - this.#since_ms);
  }
}
