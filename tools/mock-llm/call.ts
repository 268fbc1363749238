/** The life of one model call: waiting that ends when the client leaves, and slots that bound how many run at once. */

import type { ServerResponse } from "node:http";

/** Watches the client of one call. */
export class Call {
  /** True once the client has gone before the answer was complete. */
  left = false;
  /** Set before the server itself closes the connection: then it is not the client that left. */
  cut = false;
  #wake: (() => void) | undefined;

  constructor(res: ServerResponse) {
    res.once("close", () => {
      if (!res.writableEnded && !this.cut) this.left = true;
      this.wake();
    });
  }

  /** Waits, or returns at once when the client has left; `undefined` waits for `wake` alone. */
  wait(wait_ms: number | undefined): Promise<void> {
    if (this.left || (wait_ms !== undefined && wait_ms <= 0)) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = wait_ms === undefined ? undefined : setTimeout(() => this.wake(), Math.ceil(wait_ms));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the wait under way, if there is one. */
  wake(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}

/** Calls that wait for a slot; one more is refused. */
const QUEUE_MAX = 10_000;

/** At most `limit` calls at once, the others in line, first come first served. */
export class Slots {
  readonly #limit: number;
  #taken = 0;
  readonly #queue = new Set<Call>();

  /** Undefined: no limit. */
  constructor(limit: number | undefined) {
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
  }

  /** True: a slot is held and must be released. False: the line is full, or the client left while it waited. */
  async acquire(call: Call): Promise<boolean> {
    if (this.#taken < this.#limit) {
      this.#taken += 1;
      return true;
    }
    if (this.#queue.size >= QUEUE_MAX) return false;
    this.#queue.add(call);
    await call.wait(undefined);
    // Still in line means that it was woken by its client's leaving; otherwise `release` handed its slot over.
    if (this.#queue.delete(call)) return false;
    if (!call.left) return true;
    this.release();
    return false;
  }

  /** Hands the slot to the next in line. */
  release(): void {
    for (const next of this.#queue) {
      this.#queue.delete(next);
      next.wake();
      return;
    }
    this.#taken -= 1;
  }
}
