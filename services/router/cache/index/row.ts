/** An entry as the index keeps it. */
import type { IndexedEntry } from "../contract.ts";

export type Row = {
  /** In the orders of use. */
  readonly number: number;
  readonly head: Omit<IndexedEntry, "vector">;
  /** Of its vector in `Vectors`; -1: it has none. */
  readonly vector_at: number;
  /** Among the rows of its namespace that have a vector. */
  position: number;
  /** Another namespace's row under the same entry id. */
  same_id: Row | undefined;
};
