/**
 * Quantiles of many values in little memory: counts by size class, each a fiftieth wider than the one below, so that a quantile is within
 * 1 % of the true one (DDSketch: Masson, Rim, Lee, VLDB 2019). Pure.
 */
const GROWTH = 1.02;
const LOG_GROWTH = Math.log(GROWTH);
/** Values below 1 share a class; the largest class holds what is above about 10^13. */
const CLASS_MAX = 1_512;

export class QuantileSketch {
  readonly #counts = new Map<number, number>();
  #total = 0;

  /** @param value not negative. */
  add(value: number): void {
    const at = value < 1 ? 0 : Math.min(CLASS_MAX, Math.max(1, Math.ceil(Math.log(value) / LOG_GROWTH)));
    this.#counts.set(at, (this.#counts.get(at) ?? 0) + 1);
    this.#total += 1;
  }

  get count(): number {
    return this.#total;
  }

  /** @param part from 0 to 1. @returns undefined while there is no value. */
  quantile(part: number): number | undefined {
    if (this.#total === 0) return undefined;
    const rank = Math.max(1, Math.ceil(Math.min(1, part) * this.#total));
    let seen = 0;
    for (const at of [...this.#counts.keys()].sort((left, right) => left - right)) {
      seen += this.#counts.get(at) ?? 0;
      if (seen >= rank) return middleOf(at);
    }
    return undefined;
  }
}

/** The middle of a class, in the sense that makes the largest relative error least. */
function middleOf(at: number): number {
  return at === 0 ? 0.5 : (2 * GROWTH ** at) / (GROWTH + 1);
}
