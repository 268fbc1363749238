/**
 * Sketches of vectors: one bit a dimension, whether it is positive. The share of bits in which two differ is an estimate of the angle
 * between their vectors (Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002), so the few vectors worth a
 * full comparison are found by counting bits. Kept in pages of one WebAssembly memory. Pure.
 */
import { type BitScan, compileBitScan, type ScanMemory } from "./bit-scan.ts";

/** Sketches in a page. */
export const PAGE_SKETCHES = 256;

const MEMORY_PAGE_BYTES = 65_536;
const PAGES_GROWN = 64;

export class Sketches {
  readonly #bytes: number;
  readonly #memory: ScanMemory;
  readonly #scan: BitScan;
  readonly #query_at = 0;
  readonly #out_at: number;
  readonly #free: number[] = [];
  #end: number;
  #view: Uint8Array;
  #distances: Uint16Array;

  constructor(dimensions: number) {
    const words = Math.max(1, Math.ceil(dimensions / 64));
    this.#bytes = words * 8;
    const { scan, memory } = compileBitScan(words);
    this.#scan = scan;
    this.#memory = memory;
    this.#out_at = this.#bytes;
    // A sketch never straddles the boundary to what is before it: pages begin at a multiple of 64.
    this.#end = Math.ceil((this.#out_at + 2 * PAGE_SKETCHES) / 64) * 64;
    this.#view = new Uint8Array(this.#memory.buffer);
    this.#distances = new Uint16Array(this.#memory.buffer, this.#out_at, PAGE_SKETCHES);
  }

  /** Of a sketch: no two differ in more. */
  get bits(): number {
    return this.#bytes * 8;
  }

  /** Of the memory that holds them. */
  get bytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** @returns a page's address. */
  allocate(): number {
    const page = this.#free.pop();
    if (page !== undefined) return page;
    const size = this.#bytes * PAGE_SKETCHES;
    if (this.#end + size > this.bytes) this.#grow(size);
    this.#end += size;
    return this.#end - size;
  }

  release(page: number): void {
    this.#free.push(page);
  }

  write(page: number, at: number, vector: Int8Array): void {
    this.#sketch(page + at * this.#bytes, vector);
  }

  copy(from: { readonly page: number; readonly at: number }, to: { readonly page: number; readonly at: number }): void {
    const start = from.page + from.at * this.#bytes;
    this.#view.copyWithin(to.page + to.at * this.#bytes, start, start + this.#bytes);
  }

  /** What the distances that follow are to. */
  ask(vector: Int8Array): void {
    this.#sketch(this.#query_at, vector);
  }

  /** In how many bits each of the page's first `count` sketches differs. Good until the next call. */
  distances(page: number, count: number): Uint16Array {
    this.#scan(this.#query_at, page, count, this.#out_at);
    return this.#distances;
  }

  #grow(bytes: number): void {
    this.#memory.grow(Math.max(PAGES_GROWN, Math.ceil(bytes / MEMORY_PAGE_BYTES)));
    this.#view = new Uint8Array(this.#memory.buffer);
    this.#distances = new Uint16Array(this.#memory.buffer, this.#out_at, PAGE_SKETCHES);
  }

  #sketch(address: number, vector: Int8Array): void {
    const view = this.#view;
    for (let byte = 0; byte < this.#bytes; byte += 1) {
      let bits = 0;
      for (let bit = 0; bit < 8; bit += 1) if ((vector[byte * 8 + bit] ?? 0) > 0) bits |= 1 << bit;
      view[address + byte] = bits;
    }
  }
}
