/**
 * All entries of `llm.cache` in memory, those with a vector found by meaning within their namespace alone (I5). Bounded in number, of all
 * tenants and of each (I6): what is beyond goes at once, those used longest ago first, and is told by the next sweep. Pure.
 */
import { type SelectorMatch, selectorMatch } from "../../../../libs/shared/cache/selector.ts";
import type { SemanticSettings } from "../../../../libs/shared/config/cache.ts";
import type { CacheSelector } from "../../../../libs/shared/events/control.ts";
import type { CacheIndex, EntryTimes, IndexedEntry, Neighbour } from "../contract.ts";
import { Namespace } from "./namespace.ts";
import { Recency } from "./recency.ts";
import type { Row } from "./row.ts";
import { SharedStrings } from "./shared-strings.ts";
import { Sketches } from "./sketches.ts";
import { Vectors } from "./vectors.ts";

export type IndexOptions = Pick<SemanticSettings, "entries_max" | "tenant_entries_max"> & {
  /** Of the embedding model, 0 where there is none: an entry with another vector is kept, and not found by meaning. */
  readonly dimensions: number;
};

/** The one list of the order of use over all tenants. */
const ALL = "";
/** Evicted entries that the next sweep tells of; what comes beyond is evicted all the same. */
const UNTOLD_MAX = 10_000;
const NO_VECTOR = -1;

export class MemoryIndex implements CacheIndex {
  readonly #options: IndexOptions;
  readonly #rows: (Row | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #by_id = new Map<string, Row>();
  readonly #namespaces = new Map<string, Namespace>();
  readonly #vectors: Vectors;
  readonly #sketches: Sketches;
  readonly #uses = new Recency();
  readonly #uses_of_tenants = new Recency();
  readonly #strings = new SharedStrings();
  #untold: IndexedEntry[] = [];
  #size = 0;

  constructor(options: IndexOptions) {
    this.#options = options;
    this.#vectors = new Vectors(options.dimensions);
    this.#sketches = new Sketches(options.dimensions);
  }

  get size(): number {
    return this.#size;
  }

  /** Of vectors and sketches; what else an entry needs is on the heap. */
  get vector_bytes(): number {
    return this.#vectors.bytes + this.#sketches.bytes;
  }

  put({ vector, ...entry }: IndexedEntry): void {
    this.remove(entry.namespace, entry.entry_id);
    const number = this.#free.pop() ?? this.#rows.length;
    const row = this.#row(number, this.#strings.shareIn(entry), vector);
    this.#rows[number] = row;
    this.#by_id.set(entry.entry_id, row);
    this.#uses.add(ALL, number);
    this.#uses_of_tenants.add(entry.tenant, number);
    this.#size += 1;
    this.#evict(entry.tenant);
  }

  remove(namespace: string, entry_id: string): void {
    const row = this.#find(namespace, entry_id);
    if (row !== undefined) this.#remove(row);
  }

  times({ namespace, entry_id }: Pick<IndexedEntry, "namespace" | "entry_id">): EntryTimes | undefined {
    return this.#find(namespace, entry_id)?.head;
  }

  nearest(namespace: string, vector: Int8Array, count: number, now_ms: number): readonly Neighbour[] {
    if (vector.length !== this.#options.dimensions) return [];
    const near = this.#namespaces.get(namespace)?.nearest(vector, count, now_ms) ?? [];
    return near.map(({ row, similarity }) => ({ entry: this.#entry(row), similarity }));
  }

  used(namespace: string, entry_id: string): void {
    const row = this.#find(namespace, entry_id);
    if (row === undefined) return;
    this.#uses.touch(ALL, row.number);
    this.#uses_of_tenants.touch(row.head.tenant, row.number);
  }

  removeMatching(selector: CacheSelector, at_ms: number): readonly IndexedEntry[] {
    return this.#takeAway(selectorMatch(selector, at_ms));
  }

  sweep(now_ms: number): readonly IndexedEntry[] {
    const evicted = this.#untold;
    this.#untold = [];
    return [...evicted, ...this.#takeAway(({ expires_ms }) => expires_ms <= now_ms)];
  }

  #takeAway(match: (head: Row["head"]) => ReturnType<SelectorMatch>): IndexedEntry[] {
    const gone: IndexedEntry[] = [];
    for (const row of this.#rows) {
      if (row === undefined || !match(row.head)) continue;
      gone.push(row.head);
      this.#remove(row);
    }
    return gone;
  }

  #row(number: number, head: Row["head"], vector: Int8Array | undefined): Row {
    const found = vector !== undefined && vector.length > 0 && vector.length === this.#options.dimensions;
    const vector_at = found ? this.#vectors.add(vector) : NO_VECTOR;
    const row: Row = { number, head, vector_at, position: 0, same_id: this.#by_id.get(head.entry_id) };
    if (found) {
      const namespace = this.#namespaces.get(head.namespace) ?? new Namespace(this.#vectors, this.#sketches);
      this.#namespaces.set(head.namespace, namespace);
      namespace.add(row, vector);
    }
    return row;
  }

  #entry({ head, vector_at }: Row): IndexedEntry {
    return vector_at === NO_VECTOR ? head : { ...head, vector: this.#vectors.at(vector_at) };
  }

  /** Two namespaces seldom have the same entry id: such rows hang together. */
  #find(namespace: string, entry_id: string): Row | undefined {
    let row = this.#by_id.get(entry_id);
    while (row !== undefined && row.head.namespace !== namespace) row = row.same_id;
    return row;
  }

  #remove(row: Row): void {
    const { number, head, vector_at } = row;
    this.#unlink(row);
    this.#rows[number] = undefined;
    this.#free.push(number);
    this.#uses.remove(ALL, number);
    this.#uses_of_tenants.remove(head.tenant, number);
    this.#size -= 1;
    if (vector_at === NO_VECTOR) return;
    const namespace = this.#namespaces.get(head.namespace) as Namespace;
    namespace.remove(row);
    if (namespace.size === 0) this.#namespaces.delete(head.namespace);
    this.#vectors.remove(vector_at);
  }

  #unlink(row: Row): void {
    const first = this.#by_id.get(row.head.entry_id) as Row;
    if (first === row) {
      if (row.same_id === undefined) this.#by_id.delete(row.head.entry_id);
      else this.#by_id.set(row.head.entry_id, row.same_id);
      return;
    }
    let before = first;
    while (before.same_id !== row) before = before.same_id as Row;
    before.same_id = row.same_id;
  }

  #evict(tenant: string): void {
    const { entries_max, tenant_entries_max } = this.#options;
    if (this.#uses_of_tenants.size(tenant) > tenant_entries_max) this.#drop(this.#uses_of_tenants.oldest(tenant));
    if (this.#size > entries_max) this.#drop(this.#uses.oldest(ALL));
  }

  #drop(number: number | undefined): void {
    const row = number === undefined ? undefined : this.#rows[number];
    if (row === undefined) return;
    if (this.#untold.length < UNTOLD_MAX) this.#untold.push(row.head);
    this.#remove(row);
  }
}
