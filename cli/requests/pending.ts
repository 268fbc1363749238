/** The requests whose results are waited for, by tenant and id. Pure. */

/** Ids that were answered and may come again in the same job; the oldest are forgotten. */
const ANSWERED_MAX = 100_000;

export class Pending {
  readonly #timeout_ms: number;
  /** In the order of sending, which is the order of expiry. */
  readonly #sent = new Map<string, { readonly id: string; readonly sent_ms: number }>();
  readonly #answered = new Set<string>();

  constructor(timeout_ms: number) {
    this.#timeout_ms = timeout_ms;
  }

  get size(): number {
    return this.#sent.size;
  }

  /** @returns false when the id is waited for or answered already: an id has one result (I1). */
  expect(tenant: string, id: string, now_ms: number): boolean {
    const name = `${tenant} ${id}`;
    if (this.#sent.has(name) || this.#answered.has(name)) return false;
    this.#sent.set(name, { id, sent_ms: now_ms });
    return true;
  }

  /** @returns the time it took, or undefined for a result that nobody waits for. */
  answer(tenant: string, id: string, now_ms: number): number | undefined {
    const name = `${tenant} ${id}`;
    const sent = this.#sent.get(name);
    if (sent === undefined) return undefined;
    this.#sent.delete(name);
    this.#answered.add(name);
    if (this.#answered.size > ANSWERED_MAX) {
      for (const oldest of this.#answered) {
        this.#answered.delete(oldest);
        break;
      }
    }
    return now_ms - sent.sent_ms;
  }

  /** Forgets those that took too long, and names them. */
  expire(now_ms: number): string[] {
    const late: string[] = [];
    for (const [name, { id, sent_ms }] of this.#sent) {
      if (now_ms - sent_ms < this.#timeout_ms) break;
      this.#sent.delete(name);
      late.push(id);
    }
    return late;
  }

  /** For a request that was not sent after all. */
  forget(tenant: string, id: string): void {
    this.#sent.delete(`${tenant} ${id}`);
  }
}
