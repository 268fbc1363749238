/**
 * The scaler's rounds. One of all scalers leads: it looks at beats and backlog, decides, and writes down what stands; the others read that,
 * so that any of them may be asked. While Redis or Kafka is away what was desired holds, and says why.
 */

import type { BeatStore } from "../../libs/shared/beats/beat.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { describe, SluiceError } from "../../libs/shared/errors.ts";
import type { Log } from "../../libs/shared/log.ts";
import { type BrokerFacts, decideAll, type Forecaster, type FullLook, type Round, type Standing } from "./standing.ts";

/** Where the leader's word is kept for the others. */
export type StandingStore = {
  read(): Promise<Standing | undefined>;
  write(standing: Standing): Promise<void>;
};

export type RoundsDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: Settings;
  /** Whether this one leads now. */
  readonly lead: () => Promise<boolean>;
  readonly beats: Pick<BeatStore, "all">;
  readonly broker: (now_ms: number) => Promise<BrokerFacts>;
  readonly store: StandingStore;
  readonly history: {
    readonly forecast: Forecaster;
    /** What was seen and decided; the last round was at `since_ms`. */
    decided(round: Round, since_ms: number): void;
    /** It leads no more: others write from now on. */
    left(): void;
  };
};

/** kafkajs may wait for minutes, or for ever where a broker just starts: then the next round asks anew. */
const LOOK_MS_MAX = 10_000;

export class Scaler {
  readonly #deps: RoundsDeps;
  /** Within the window, the oldest first. */
  #looks: FullLook[] = [];
  #standing: Standing | undefined;
  #leads = false;

  constructor(deps: RoundsDeps) {
    this.#deps = deps;
  }

  get standing(): Standing | undefined {
    return this.#standing;
  }

  get leads(): boolean {
    return this.#leads;
  }

  /** Never rejects. */
  async round(): Promise<void> {
    const { log } = this.#deps;
    try {
      if (await this.#deps.lead()) await this.#decide();
      else await this.#follow();
    } catch (error) {
      this.#hold(describe(error));
      log.warn({ error }, "nothing could be decided; what was desired holds");
      // Whoever stands by may ask the store, if that is not what is away.
      if (this.#leads && this.#standing !== undefined)
        await this.#deps.store.write(this.#standing).catch(() => undefined);
    }
  }

  async #decide(): Promise<void> {
    const { clock, log, settings, beats, broker, store, history } = this.#deps;
    if (!this.#leads) {
      this.#looks = [];
      // The last leader's states go on: cool-downs and what was learned.
      this.#standing = (await store.read()) ?? this.#standing;
      this.#leads = true;
      log.info({}, "this one leads");
    }
    const now_ms = clock.now_ms();
    const now: FullLook = { at_ms: now_ms, beats: await beats.all(now_ms), broker: await soon(broker(now_ms), clock) };
    const { window_ms } = settings.scaling;
    const last = this.#looks.at(-1);
    const before = this.#looks.find(({ at_ms }) => at_ms >= now_ms - window_ms) ?? last;
    this.#looks = [...this.#looks.filter(({ at_ms }) => at_ms >= now_ms - window_ms), now];
    if (before === undefined || last === undefined) return;
    const round = decideAll(settings, { before, now, last }, this.#standing, history.forecast);
    this.#standing = round.standing;
    history.decided(round, last.at_ms);
    await store.write(round.standing);
  }

  async #follow(): Promise<void> {
    if (this.#leads) {
      this.#leads = false;
      this.#deps.history.left();
      this.#deps.log.info({}, "another one leads");
    }
    this.#standing = (await this.#deps.store.read()) ?? this.#standing;
  }

  #hold(why: string): void {
    if (this.#standing !== undefined) this.#standing = { ...this.#standing, held: why };
  }
}

function soon<T>(look: Promise<T>, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(LOOK_MS_MAX, () => {
      const why = `kafka: no answer in ${LOOK_MS_MAX / 1_000} s`;
      reject(new SluiceError("dependency_unavailable", why, { retryable: true }));
    });
    look.then(resolve, reject).finally(() => timer.cancel());
  });
}
