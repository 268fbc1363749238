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
    const chosen = new Least(Math.max(COMPARED_MIN, COMPARED_EACH * count));
    this.#sketches.ask(vector);
    for (const [number, page] of this.#pages.entries()) {
      const from = number * PAGE_SKETCHES;
      const held = Math.min(PAGE_SKETCHES, this.#rows.length - from);
      chosen.take(this.#sketches.distances(page, held), held, from);
    }
    return chosen.positions.map((position) => this.#rows[position] as Row);
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

/** Keeps the positions of the least distances: about as many as asked for, more where several have the same. */
class Least {
  readonly #wanted: number;
  #positions: number[] = [];
  #distances: number[] = [];
  #limit = Number.POSITIVE_INFINITY;

  constructor(wanted: number) {
    this.#wanted = wanted;
  }

  get positions(): readonly number[] {
    this.#cut();
    return this.#positions;
  }

  take(distances: Uint16Array, count: number, from: number): void {
    for (let at = 0; at < count; at += 1) {
      const distance = distances[at] as number;
      if (distance >= this.#limit) continue;
      this.#positions.push(from + at);
      this.#distances.push(distance);
      if (this.#positions.length >= 4 * this.#wanted) this.#cut();
    }
  }

  /** Lets go of what is farther than the last one wanted. What comes later at just that distance comes too late. */
  #cut(): void {
    if (this.#positions.length <= this.#wanted) return;
    const limit = this.#distances.toSorted((left, right) => left - right)[this.#wanted - 1] as number;
    const kept = this.#positions.flatMap((position, at) => {
      const distance = this.#distances[at] as number;
      return distance <= limit ? [{ position, distance }] : [];
    });
    // Many at the very limit, as where all sketches are equal: the first ones will do.
    const bounded = kept.toSorted((left, right) => left.distance - right.distance).slice(0, 2 * this.#wanted);
    this.#positions = bounded.map(({ position }) => position);
    this.#distances = bounded.map(({ distance }) => distance);
    this.#limit = limit;
  }
}

function insert(best: Near[], near: Near, count: number): void {
  let at = best.length;
  while (at > 0 && (best[at - 1] as Near).similarity < near.similarity) at -= 1;
  best.splice(at, 0, near);
  if (best.length > count) best.pop();
}
