/**
 * When a consumer was silent for too long. Pure.
 *
 * It counts looks and not time: a process that stood still, or whose clock was set, takes one look and gives its consumer the
 * chance to speak before the next.
 */
const LOOKS_PER_SILENCE = 4;

/** How long to wait between two looks. */
export function lookEvery_ms(silence_ms_max: number): number {
  return silence_ms_max / LOOKS_PER_SILENCE;
}

export class Watchdog {
  #silent_looks = 0;

  /** The consumer fetched, or heard of its group. */
  heard(): void {
    this.#silent_looks = 0;
  }

  /** @returns true when nothing was heard for the whole of the longest silence, and at most a quarter more. */
  look(): boolean {
    this.#silent_looks += 1;
    // The first look may come at once after the last word, hence one more.
    if (this.#silent_looks <= LOOKS_PER_SILENCE) return false;
    this.#silent_looks = 0;
    return true;
  }
}
