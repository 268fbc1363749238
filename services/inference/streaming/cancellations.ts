/**
 * Requests that nobody wants any more. A cancel may come before its job does, so it is remembered; calls under way are given up by
 * their signal. Bounded in number and time (I6): the oldest are forgotten first, and a forgotten cancel is a job that runs.
 */
import type { Clock } from "../../../libs/shared/clock.ts";
import type { CancelEvent } from "../../../libs/shared/events/control.ts";

export type CancellationLimits = {
  /** Cancels remembered at the most. */
  readonly remembered_max: number;
  /** How long one is remembered, from the time it was given. */
  readonly ttl_ms: number;
};

export const CANCELLATION_LIMITS: CancellationLimits = { remembered_max: 100_000, ttl_ms: 3_600_000 };

/** A job's hold on its signal, until `release`, which may be called again without harm. */
export type CancelHold = { readonly signal: AbortSignal; release(): void };

type Held = { readonly controller: AbortController; holds: number };

export class Cancellations {
  readonly #clock: Clock;
  readonly #limits: CancellationLimits;
  /** When each is forgotten, in the order they were heard of. */
  readonly #until_ms = new Map<string, number>();
  /** As many as there are jobs in hand. */
  readonly #held = new Map<string, Held>();

  constructor(clock: Clock, limits: CancellationLimits = CANCELLATION_LIMITS) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Cancels remembered. */
  get count(): number {
    return this.#until_ms.size;
  }

  apply({ tenant, id, at_ms }: CancelEvent): void {
    const now_ms = this.#clock.now_ms();
    this.#forget(now_ms);
    // A clock that is ahead must not make it last longer.
    const until_ms = Math.min(at_ms, now_ms) + this.#limits.ttl_ms;
    if (until_ms <= now_ms) return;
    const name = nameOf(tenant, id);
    // Said again, it counts from now: behind all others.
    this.#until_ms.delete(name);
    this.#until_ms.set(name, until_ms);
    if (this.#until_ms.size > this.#limits.remembered_max) {
      this.#until_ms.delete(this.#until_ms.keys().next().value as string);
    }
    this.#held.get(name)?.controller.abort();
  }

  isCancelled(tenant: string, id: string): boolean {
    return (this.#until_ms.get(nameOf(tenant, id)) ?? 0) > this.#clock.now_ms();
  }

  /** A signal that is aborted when the request is cancelled; aborted at once when it already is. */
  signalFor(tenant: string, id: string): CancelHold {
    const name = nameOf(tenant, id);
    const held = this.#held.get(name) ?? { controller: new AbortController(), holds: 0 };
    held.holds += 1;
    this.#held.set(name, held);
    if (this.isCancelled(tenant, id)) held.controller.abort();
    let released = false;
    return {
      signal: held.controller.signal,
      release: () => {
        if (released) return;
        released = true;
        held.holds -= 1;
        if (held.holds === 0) this.#held.delete(name);
      },
    };
  }

  /** Those heard of first go first; one whose own clock was behind is only kept a little longer, and no longer counts. */
  #forget(now_ms: number): void {
    for (const [name, until_ms] of this.#until_ms) {
      if (until_ms > now_ms) return;
      this.#until_ms.delete(name);
    }
  }
}

/** Neither name holds white space. */
function nameOf(tenant: string, id: string): string {
  return `${tenant} ${id}`;
}
