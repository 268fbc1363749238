/** A lease that is kept while its job is driven: renewed in time, and its signal is aborted once it is lost or the runner stops. */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { JobLeases } from "../../../libs/shared/jobs/leases.ts";

type Deps = { readonly leases: JobLeases; readonly clock: Clock; readonly lease_ms: number };

export class LeaseHold {
  readonly #deps: Deps;
  readonly #id: string;
  readonly #owner: string;
  readonly #lost = new AbortController();
  readonly signal: AbortSignal;
  #until_ms: number;
  #timer: Timer | undefined;
  #ended = false;

  constructor(deps: Deps, id: string, owner: string, stopping: AbortSignal) {
    this.#deps = deps;
    this.#id = id;
    this.#owner = owner;
    this.signal = AbortSignal.any([stopping, this.#lost.signal]);
    this.#until_ms = deps.clock.now_ms() + deps.lease_ms;
    this.#renewLater();
  }

  end(): void {
    this.#ended = true;
    this.#timer?.cancel();
  }

  #renewLater(): void {
    const { clock, lease_ms } = this.#deps;
    // Twice before it ends, so that one try may fail.
    this.#timer = clock.after(lease_ms / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const { leases, clock, lease_ms } = this.#deps;
    const until_ms = clock.now_ms() + lease_ms;
    // While the store is away nobody can say; the lease is held until its end.
    const held = await leases.renew(this.#id, this.#owner, until_ms).catch(() => undefined);
    if (this.#ended) return;
    if (held === true) this.#until_ms = until_ms;
    if (held === false || clock.now_ms() >= this.#until_ms) return this.#lost.abort();
    this.#renewLater();
  }
}
