/**
 * Callers that wait for their result. One Redis subscription per gateway tells of each; since a message can be lost, those that wait
 * long are looked up in the job view from time to time. Bounded in number and time (I6).
 */
import type { Clock } from "../../libs/shared/clock.ts";
import type { Reply } from "../../libs/shared/redis/job-views.ts";

/** The Result as JSON text, and what is left of the rate limits where that was told with it. */
export type Told = Pick<Reply, "result" | "rate_room">;

type Waiter = { resolve(told: Told | undefined): void };

/** The longest between two looks at the job view. */
const LOOK_MS_MAX = 15_000;

export type Wait = {
  /** Undefined when the time is up or the wait was cancelled. */
  readonly told: Promise<Told | undefined>;
  cancel(): void;
};

export class WaitingCallers {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiter[]>();
  #count = 0;
  #released = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Waits for a Result, at most `wait_ms`.
   * @param lookUp reads the job view: asked first after `look_ms`, then ever less often.
   */
  wait(tenant: string, id: string, wait_ms: number, lookUp: () => Promise<string | undefined>, look_ms = 1_000): Wait {
    const name = `${tenant} ${id}`;
    const { promise, resolve } = Promise.withResolvers<Told | undefined>();
    let done = false;
    const waiter: Waiter = {
      resolve: (told) => {
        if (done) return;
        done = true;
        limit.cancel();
        look.cancel();
        this.#remove(name, waiter);
        resolve(told);
      },
    };
    const ask = async (after_ms: number): Promise<void> => {
      // A look-up that fails is only a look-up less: the subscription and the next one are still there.
      const result = await lookUp().catch(() => undefined);
      if (done) return;
      if (result !== undefined) waiter.resolve({ result });
      else look = this.#clock.after(after_ms, () => void ask(Math.min(after_ms * 2, LOOK_MS_MAX)));
    };
    const limit = this.#clock.after(wait_ms, () => waiter.resolve(undefined));
    let look = this.#clock.after(look_ms, () => void ask(look_ms * 2));
    this.#add(name, waiter);
    if (this.#released) waiter.resolve(undefined);
    return { told: promise, cancel: () => waiter.resolve(undefined) };
  }

  /** A result has come: wakes whoever waits for it here. */
  deliver({ tenant, id, ...told }: Reply): void {
    for (const waiter of [...(this.#waiting.get(`${tenant} ${id}`) ?? [])]) waiter.resolve(told);
  }

  /** Ends every wait, for a shutdown, and those that begin after it at once. */
  release(): void {
    this.#released = true;
    for (const waiters of [...this.#waiting.values()]) for (const waiter of [...waiters]) waiter.resolve(undefined);
  }

  #add(name: string, waiter: Waiter): void {
    this.#count += 1;
    this.#waiting.set(name, [...(this.#waiting.get(name) ?? []), waiter]);
  }

  #remove(name: string, waiter: Waiter): void {
    this.#count -= 1;
    const left = (this.#waiting.get(name) ?? []).filter((other) => other !== waiter);
    if (left.length === 0) this.#waiting.delete(name);
    else this.#waiting.set(name, left);
  }
}
