/**
 * Gives the heaviest names a label of their own and folds the others into one, in bounded memory. Pure.
 *
 * It counts by Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data Streams",
 * ICDT 2005): a name that is not counted takes the place of the lightest, with that one's weight as its possible error. A name takes
 * another one's label only by what it has used for sure, so a crowd of names that come once takes none. Weights are halved now and then,
 * so that yesterday's heaviest gives way.
 */

/** The label of all other names. */
export const OTHER = "other";

/** Names counted, for each that may have a label. */
const COUNTED_EACH = 8;
/** So many additions, for each name that is counted, between two halvings. */
const HALVE_EVERY = 1_000;

type Count = { weight: number; error: number };

export type Labelled = {
  /** The name itself, or `OTHER`. */
  readonly label: string;
  /** Has no label of its own any more. */
  readonly lost?: string;
};

export class TopNames {
  readonly #labels_max: number;
  readonly #counted_max: number;
  readonly #counts = new Map<string, Count>();
  readonly #labelled = new Set<string>();
  #added = 0;

  constructor(labels_max: number) {
    this.#labels_max = labels_max;
    this.#counted_max = labels_max * COUNTED_EACH;
  }

  /** Names with a label of their own. */
  get labelled(): ReadonlySet<string> {
    return this.#labelled;
  }

  /** Names that are counted. */
  get counted(): number {
    return this.#counts.size;
  }

  /** Counts what a name has used. @param weight above 0. */
  add(name: string, weight: number): Labelled {
    if (this.#labels_max === 0) return { label: OTHER };
    this.#added += 1;
    if (this.#added % (HALVE_EVERY * this.#counted_max) === 0) this.#halve();
    this.#count(name, weight);
    if (this.#labelled.has(name)) return { label: name };
    if (this.#labelled.size < this.#labels_max) {
      this.#labelled.add(name);
      return { label: name };
    }
    const weakest = this.#lightest((other) => this.#labelled.has(other));
    if (weakest === undefined || this.#sure(name) <= (this.#counts.get(weakest)?.weight ?? 0)) return { label: OTHER };
    this.#labelled.delete(weakest);
    this.#labelled.add(name);
    return { label: name, lost: weakest };
  }

  #count(name: string, weight: number): void {
    const known = this.#counts.get(name);
    if (known !== undefined) {
      known.weight += weight;
      return;
    }
    let error = 0;
    if (this.#counts.size >= this.#counted_max) {
      // One with a label is never put out so: it loses its label first.
      const out = this.#lightest((other) => !this.#labelled.has(other)) as string;
      error = this.#counts.get(out)?.weight ?? 0;
      this.#counts.delete(out);
    }
    this.#counts.set(name, { weight: error + weight, error });
  }

  #sure(name: string): number {
    const { weight = 0, error = 0 } = this.#counts.get(name) ?? {};
    return weight - error;
  }

  #lightest(among: (name: string) => boolean): string | undefined {
    let lightest: string | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [name, { weight }] of this.#counts) {
      if (weight >= least || !among(name)) continue;
      lightest = name;
      least = weight;
    }
    return lightest;
  }

  #halve(): void {
    for (const count of this.#counts.values()) {
      count.weight /= 2;
      count.error /= 2;
    }
  }
}
