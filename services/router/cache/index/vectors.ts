/** Vectors of one signed byte a dimension, side by side in slabs: an array object for each would cost as much again. Pure. */

const SLAB_VECTORS = 256;

export class Vectors {
  readonly #dimensions: number;
  readonly #slabs: Int8Array[] = [];
  /** Lengths, to make cosines of products. */
  readonly #lengths: Float32Array[] = [];
  readonly #free: number[] = [];
  #count = 0;

  constructor(dimensions: number) {
    this.#dimensions = dimensions;
  }

  get bytes(): number {
    return this.#slabs.length * SLAB_VECTORS * (this.#dimensions + 4);
  }

  /** @returns its place. */
  add(vector: Int8Array): number {
    const place = this.#free.pop() ?? this.#next();
    const slab = place >>> 8;
    this.#slab(slab).set(vector, (place & 0xff) * this.#dimensions);
    (this.#lengths[slab] as Float32Array)[place & 0xff] = lengthOf(vector);
    return place;
  }

  remove(place: number): void {
    this.#free.push(place);
  }

  /** A copy: what is kept may be overwritten. */
  at(place: number): Int8Array {
    const from = (place & 0xff) * this.#dimensions;
    return this.#slab(place >>> 8).slice(from, from + this.#dimensions);
  }

  /** @param length of `vector`, by `lengthOf`. */
  cosine(place: number, vector: Int8Array, length: number): number {
    const slab = this.#slab(place >>> 8);
    const from = (place & 0xff) * this.#dimensions;
    let dot = 0;
    for (let at = 0; at < this.#dimensions; at += 1) dot += (vector[at] as number) * (slab[from + at] as number);
    const both = length * ((this.#lengths[place >>> 8] as Float32Array)[place & 0xff] as number);
    return both === 0 ? 0 : dot / both;
  }

  #next(): number {
    if (this.#count === this.#slabs.length * SLAB_VECTORS) {
      this.#slabs.push(new Int8Array(SLAB_VECTORS * this.#dimensions));
      this.#lengths.push(new Float32Array(SLAB_VECTORS));
    }
    this.#count += 1;
    return this.#count - 1;
  }

  #slab(at: number): Int8Array {
    return this.#slabs[at] as Int8Array;
  }
}

export function lengthOf(vector: Int8Array): number {
  let squares = 0;
  for (let at = 0; at < vector.length; at += 1) squares += (vector[at] as number) ** 2;
  return Math.sqrt(squares);
}
