/**
 * Active probes: every so often, an endpoint that is not healthy, or of which nothing is known, is asked whether it is there.
 * One probe at a time for each endpoint, bounded by `probe_timeout_ms`.
 */
import type { Clock, Timer } from "../../../libs/shared/clock.ts";
import type { HealthSettings } from "../../../libs/shared/config/inference.ts";
import type { EndpointView } from "./endpoint.ts";

/** @returns whether the endpoint answered; a rejection means that it did not. */
export type Probe = (endpoint: string, timeout_ms: number) => Promise<boolean>;

/** The part of a pool that is needed. */
export type Probed = { views(): readonly EndpointView[]; probed(endpoint: string, ok: boolean): void };

export class Prober {
  readonly #pool: Probed;
  readonly #probe: Probe;
  readonly #settings: HealthSettings;
  readonly #clock: Clock;
  readonly #asked = new Set<string>();
  #timer: Timer | undefined;
  #closed = false;

  /** Begins at once: the first probes go out after one interval. */
  constructor(pool: Probed, probe: Probe, settings: HealthSettings, clock: Clock) {
    this.#pool = pool;
    this.#probe = probe;
    this.#settings = settings;
    this.#clock = clock;
    this.#schedule();
  }

  /** No probe begins any more, and what one under way finds is dropped. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    this.#timer = this.#clock.after(this.#settings.probe_interval_ms, () => {
      for (const view of this.#pool.views()) if (needsProbe(view)) void this.#ask(view.name);
      this.#schedule();
    });
  }

  async #ask(name: string): Promise<void> {
    if (this.#asked.has(name)) return;
    this.#asked.add(name);
    const ok = await this.#probe(name, this.#settings.probe_timeout_ms).catch(() => false);
    this.#asked.delete(name);
    if (!this.#closed) this.#pool.probed(name, ok);
  }
}

function needsProbe({ health, unknown, in_flight }: EndpointView): boolean {
  return health !== "healthy" || (unknown && in_flight === 0);
}
