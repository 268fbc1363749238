/** What is in the cache: the latest record of each key of `llm.cache`, without embeddings. Pure. */

import { SluiceError } from "../errors.ts";
import type { CacheEntryHead } from "../events/cache.ts";
import type { CacheChange } from "./entry-records.ts";

export type KeptEntry = Omit<CacheEntryHead, "embedding"> & {
  readonly key: string;
  /** Has an embedding: it may be found by meaning. */
  readonly semantic: boolean;
  /** Of its record's value, embedding and answer included. */
  readonly bytes: number;
  /** The provider's JSON, where it was asked for. */
  readonly response?: Buffer;
};

export class CacheView {
  readonly #entries = new Map<string, KeptEntry>();
  readonly #keeps: (entry_id: string) => boolean;

  /** @param keeps whose answers are held too. */
  constructor(keeps: (entry_id: string) => boolean = () => false) {
    this.#keeps = keeps;
  }

  /** @param bytes of the record's value. Changes of one key must come in order. */
  apply(change: CacheChange, bytes: number): void {
    if (change.kind === "removed") {
      this.#entries.delete(change.key);
      return;
    }
    const { embedding, ...head } = change.entry;
    const kept = { ...head, key: change.key, semantic: embedding !== undefined, bytes };
    this.#entries.set(
      change.key,
      this.#keeps(head.entry_id) ? { ...kept, response: Buffer.from(change.response) } : kept,
    );
  }

  get(key: string): KeptEntry | undefined {
    return this.#entries.get(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The newest first. */
  entries(): KeptEntry[] {
    return [...this.#entries.values()].sort(
      (left, right) => right.created_ms - left.created_ms || (left.key < right.key ? -1 : 1),
    );
  }
}

/** The entry id that begins so; undefined where there is none. @throws `usage` where there is more than one. */
export function entryIdFrom(entries: readonly KeptEntry[], start: string): string | undefined {
  const ids = new Set(entries.filter(({ entry_id }) => entry_id.startsWith(start)).map(({ entry_id }) => entry_id));
  if (ids.has(start)) return start;
  if (ids.size < 2) return ids.values().next().value;
  throw new SluiceError("usage", `${ids.size} entries begin with "${start}"`, { fix: "Give more of the id." });
}
