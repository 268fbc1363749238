/** Calls and failures of the last while, counted in slices of a tenth of it. Pure. */

const SLICES = 10;

type Slice = { number: number; calls: number; failures: number };

export class FailureWindow {
  readonly #slice_ms: number;
  readonly #slices: Slice[] = Array.from({ length: SLICES }, () => ({ number: -1, calls: 0, failures: 0 }));

  constructor(window_ms: number) {
    this.#slice_ms = window_ms / SLICES;
  }

  add(failed: boolean, now_ms: number): void {
    const number = Math.floor(now_ms / this.#slice_ms);
    const slice = this.#slices[number % SLICES] as Slice;
    if (slice.number !== number) Object.assign(slice, { number, calls: 0, failures: 0 });
    slice.calls += 1;
    if (failed) slice.failures += 1;
  }

  /** What is left of the window at `now_ms`. */
  counts(now_ms: number): { readonly calls: number; readonly failures: number } {
    const number = Math.floor(now_ms / this.#slice_ms);
    const counts = { calls: 0, failures: 0 };
    for (const slice of this.#slices) {
      if (slice.number <= number - SLICES || slice.number > number) continue;
      counts.calls += slice.calls;
      counts.failures += slice.failures;
    }
    return counts;
  }

  clear(): void {
    for (const slice of this.#slices) Object.assign(slice, { number: -1, calls: 0, failures: 0 });
  }
}
