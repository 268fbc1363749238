/** Orders of rows by their last use, oldest first: doubly linked lists through two arrays of numbers, eight bytes a row. Pure. */

const NONE = -1;
const ROWS_FIRST = 1_024;

type List = { oldest: number; newest: number; size: number };

/** Many lists over one set of row numbers; a row is in one of them at the most. */
export class Recency {
  readonly #lists = new Map<string, List>();
  #older = new Int32Array(ROWS_FIRST);
  #newer = new Int32Array(ROWS_FIRST);

  /** As the one used last. */
  add(name: string, row: number): void {
    this.#reach(row);
    const list = this.#lists.get(name) ?? { oldest: NONE, newest: NONE, size: 0 };
    this.#lists.set(name, list);
    this.#older[row] = list.newest;
    this.#newer[row] = NONE;
    if (list.newest === NONE) list.oldest = row;
    else this.#newer[list.newest] = row;
    list.newest = row;
    list.size += 1;
  }

  /** The row must be in the list. A list without rows is forgotten. */
  remove(name: string, row: number): void {
    const list = this.#lists.get(name) as List;
    const older = this.#older[row] as number;
    const newer = this.#newer[row] as number;
    if (older === NONE) list.oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) list.newest = older;
    else this.#older[newer] = older;
    list.size -= 1;
    if (list.size === 0) this.#lists.delete(name);
  }

  touch(name: string, row: number): void {
    if (this.#lists.get(name)?.newest === row) return;
    this.remove(name, row);
    this.add(name, row);
  }

  oldest(name: string): number | undefined {
    return this.#lists.get(name)?.oldest;
  }

  size(name: string): number {
    return this.#lists.get(name)?.size ?? 0;
  }

  #reach(row: number): void {
    if (row < this.#older.length) return;
    const length = Math.max(row + 1, this.#older.length * 2);
    const older = new Int32Array(length);
    const newer = new Int32Array(length);
    older.set(this.#older);
    newer.set(this.#newer);
    this.#older = older;
    this.#newer = newer;
  }
}
