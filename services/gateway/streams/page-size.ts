/** How many entries to read at once for one reader, by how large those before were: entries are counted, memory is in bytes. Pure. */

/** Before anything is known. */
const FIRST = 4;
const ENTRIES_MAX = 100;
/** Of one page, about: what its reader takes slowly is in memory meanwhile. */
const PAGE_BYTES = 16 * 1024;

export class PageSize {
  #limit = FIRST;

  get limit(): number {
    return this.#limit;
  }

  /** @param bytes of the page's entries together. */
  saw(entries: number, bytes: number): void {
    if (entries === 0) return;
    const each_bytes = Math.max(1, bytes / entries);
    this.#limit = Math.max(1, Math.min(ENTRIES_MAX, Math.floor(PAGE_BYTES / each_bytes)));
  }
}
