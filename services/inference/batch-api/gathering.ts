/** Members that wait for others to share a batch with: one group for each key, closed by count, bytes or time. Pure. */

export type GatheringLimits = { readonly size_max: number; readonly bytes_max: number; readonly wait_ms: number };

/** Members that go into one batch together. */
export type Group<M> = { readonly key: string; readonly members: readonly M[] };

type Open<M> = { members: M[]; bytes: number; readonly due_ms: number };

export class Gathering<M> {
  readonly #limits: GatheringLimits;
  /** By key, in the order in which they fall due. */
  readonly #open = new Map<string, Open<M>>();

  constructor(limits: GatheringLimits) {
    this.#limits = limits;
  }

  /** When the next group falls due, epoch ms. */
  get due_ms(): number | undefined {
    for (const { due_ms } of this.#open.values()) return due_ms;
    return undefined;
  }

  /** Adds a member of `bytes`, at most `bytes_max`. @returns the groups that this closes, one or two at the most. */
  add(key: string, member: M, bytes: number, now_ms: number): Group<M>[] {
    const { bytes_max, size_max, wait_ms } = this.#limits;
    const closed: Group<M>[] = [];
    const before = this.#open.get(key);
    if (before !== undefined && before.bytes + bytes > bytes_max) closed.push(this.#close(key, before));
    const open = this.#open.get(key) ?? { members: [], bytes: 0, due_ms: now_ms + wait_ms };
    this.#open.set(key, open);
    open.members.push(member);
    open.bytes += bytes;
    if (open.members.length >= size_max || open.bytes >= bytes_max) closed.push(this.#close(key, open));
    return closed;
  }

  /** Closes the groups whose first member has waited long enough. */
  due(now_ms: number): Group<M>[] {
    const due = [...this.#open].filter(([, { due_ms }]) => due_ms <= now_ms);
    return due.map(([key, open]) => this.#close(key, open));
  }

  #close(key: string, { members }: Open<M>): Group<M> {
    this.#open.delete(key);
    return { key, members };
  }
}
