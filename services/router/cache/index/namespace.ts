/**
 * The rows of one namespace that are found by meaning. Few of them are compared one by one. More have sketches: those whose sketches
 * differ least from the question's are compared, the rest is passed over (docs/decisions/vector-index.md has the recall). Pure.
 */
import type { Row } from "./row.ts";
import { PAGE_SKETCHES, type Sketches } from "./sketches.ts";
import { lengthOf, type Vectors } from "./vectors.ts";

export type Near = { readonly row: Row; readonly similarity: number };

/** More rows than this have sketches; a page of them is worth its memory then. */
export const UNSKETCHED_MAX = 192;
/** They are let go at half of that, so that a namespace at the limit does not make and drop them in turns. */
const SKETCHED_MIN = UNSKETCHED_MAX / 2;
/** Compared in full, for each neighbour asked for and at the least. */
const COMPARED_EACH = 32;
const COMPARED_MIN = 64;

export class Namespace {
  readonly #vectors: Vectors;
  readonly #sketches: Sketches;
  readonly #rows: Row[] = [];
  /** The sketch of row number n is in page n / 256; none while the rows are few. */
  #pages: number[] = [];

  constructor(vectors: Vectors, sketches: Sketches) {
    this.#vectors = vectors;
    this.#sketches = sketches;
  }

  get size(): number {
    return this.#rows.length;
  }

  add(row: Row, vector: Int8Array): void {
    row.position = this.#rows.length;
    this.#rows.push(row);
    if (this.#pages.length > 0) this.#sketch(row.position, vector);
    else if (this.#rows.length > UNSKETCHED_MAX) this.#sketchAll();
  }

  /** The last row takes its place. */
  remove(row: Row): void {
    const last = this.#rows.pop() as Row;
    const { position } = row;
    if (last !== row) {
      if (this.#pages.length > 0) this.#sketches.copy(this.#place(last.position), this.#place(position));
      this.#rows[position] = last;
      last.position = position;
    }
    const needed = this.#rows.length < SKETCHED_MIN ? 0 : Math.ceil(this.#rows.length / PAGE_SKETCHES);
    while (this.#pages.length > needed) this.#sketches.release(this.#pages.pop() as number);
  }

  /** The nearest of those that have not expired, the nearest first. */
  nearest(vector: Int8Array, count: number, now_ms: number): Near[] {
    const length = lengthOf(vector);
    const best: Near[] = [];
    for (const row of this.#worthComparing(vector, count)) {
      if (row.head.expires_ms <= now_ms) continue;
      const similarity = this.#vectors.cosine(row.vector_at, vector, length);
      const last = best.at(-1);
      if (best.length < count || (last !== undefined && similarity > last.similarity)) {
        insert(best, { row, similarity }, count);
      }
    }
    return best;
  }

  #worthComparing(vector: Int8Array, count: number): readonly Row[] {
    if (this.#pages.length === 0) return this.#rows;
    const chosen = new Least(Math.max(COMPARED_MIN, COMPARED_EACH * count), this.#sketches.bits);
    this.#sketches.ask(vector);
    for (const [number, page] of this.#pages.entries()) {
      const from = number * PAGE_SKETCHES;
      const held = Math.min(PAGE_SKETCHES, this.#rows.length - from);
      chosen.take(this.#sketches.distances(page, held), held, from);
    }
    return Array.from(chosen.positions, (position) => this.#rows[position] as Row);
  }

  #sketchAll(): void {
    for (const [position, row] of this.#rows.entries()) this.#sketch(position, this.#vectors.at(row.vector_at));
  }

  #sketch(position: number, vector: Int8Array): void {
    if (position >= this.#pages.length * PAGE_SKETCHES) this.#pages.push(this.#sketches.allocate());
    const { page, at } = this.#place(position);
    this.#sketches.write(page, at, vector);
  }

  #place(position: number): { readonly page: number; readonly at: number } {
    return { page: this.#pages[Math.floor(position / PAGE_SKETCHES)] as number, at: position % PAGE_SKETCHES };
  }
}

/** Keeps the positions of the least distances, as many as wanted; of equal ones those that came first. */
class Least {
  readonly #wanted: number;
  readonly #positions: Int32Array;
  readonly #distances: Uint16Array;
  /** How many there are of each distance. */
  readonly #counts: Int32Array;
  #held = 0;
  /** What comes later has to be nearer than this. */
  #limit: number;

  constructor(wanted: number, distance_max: number) {
    this.#wanted = wanted;
    this.#positions = new Int32Array(4 * wanted);
    this.#distances = new Uint16Array(4 * wanted);
    this.#counts = new Int32Array(distance_max + 1);
    this.#limit = distance_max + 1;
  }

  get positions(): Int32Array {
    this.#cut();
    return this.#positions.subarray(0, this.#held);
  }

  take(distances: Uint16Array, count: number, from: number): void {
    for (let at = 0; at < count; at += 1) {
      const distance = distances[at] as number;
      if (distance >= this.#limit) continue;
      this.#positions[this.#held] = from + at;
      this.#distances[this.#held] = distance;
      this.#held += 1;
      if (this.#held === this.#positions.length) this.#cut();
    }
  }

  #cut(): void {
    if (this.#held <= this.#wanted) return;
    this.#counts.fill(0);
    for (let at = 0; at < this.#held; at += 1) {
      const distance = this.#distances[at] as number;
      this.#counts[distance] = (this.#counts[distance] as number) + 1;
    }
    let limit = 0;
    let nearer = 0;
    while (nearer + (this.#counts[limit] as number) < this.#wanted) {
      nearer += this.#counts[limit] as number;
      limit += 1;
    }
    let at_limit = this.#wanted - nearer;
    let kept = 0;
    for (let at = 0; at < this.#held; at += 1) {
      const distance = this.#distances[at] as number;
      if (distance > limit || (distance === limit && at_limit === 0)) continue;
      if (distance === limit) at_limit -= 1;
      this.#positions[kept] = this.#positions[at] as number;
      this.#distances[kept] = distance;
      kept += 1;
    }
    this.#held = kept;
    this.#limit = limit;
  }
}

function insert(best: Near[], near: Near, count: number): void {
  let at = best.length;
  while (at > 0 && (best[at - 1] as Near).similarity < near.similarity) at -= 1;
  best.splice(at, 0, near);
  if (best.length > count) best.pop();
}
