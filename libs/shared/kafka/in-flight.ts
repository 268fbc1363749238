/** What is being worked on, and whether more may be started. Pure. */
import type { ConsumptionLimits } from "./consumption-options.ts";
import { LANES, type LaneName } from "./scheduler.ts";

type Work = { calls: number; records: number; bytes: number };

export class InFlight {
  readonly #limits: Pick<ConsumptionLimits, "max_in_flight" | "max_in_flight_by_lane" | "in_flight_bytes_max">;
  readonly #lanes: Readonly<Record<LaneName, Work>> = {
    interactive: { calls: 0, records: 0, bytes: 0 },
    batch: { calls: 0, records: 0, bytes: 0 },
  };

  constructor(limits: Pick<ConsumptionLimits, "max_in_flight" | "max_in_flight_by_lane" | "in_flight_bytes_max">) {
    this.#limits = limits;
  }

  get calls(): number {
    return this.#sum(({ calls }) => calls);
  }

  get records(): number {
    return this.#sum(({ records }) => records);
  }

  /** Calls that may run at once, of all lanes together. */
  get calls_max(): number {
    const { max_in_flight, max_in_flight_by_lane } = this.#limits;
    if (max_in_flight_by_lane === undefined) return max_in_flight;
    return LANES.reduce((sum, lane) => sum + max_in_flight_by_lane[lane], 0);
  }

  /** Lanes of which nothing more may be started. */
  closed(): ReadonlySet<LaneName> {
    const { max_in_flight, max_in_flight_by_lane, in_flight_bytes_max } = this.#limits;
    if (max_in_flight_by_lane === undefined) {
      const full = this.calls >= max_in_flight || this.#sum(({ bytes }) => bytes) >= in_flight_bytes_max;
      if (full) return ALL;
      return this.#lanes.batch.calls >= Math.ceil(max_in_flight * BATCH_SHARE_MAX) ? BATCH : NONE;
    }
    return new Set(
      LANES.filter((lane) => {
        const { calls, bytes } = this.#lanes[lane];
        return calls >= max_in_flight_by_lane[lane] || bytes >= in_flight_bytes_max;
      }),
    );
  }

  /** One call has begun. @returns what ends it. */
  begin(lane: LaneName, records: number, bytes: number): () => void {
    const work = this.#lanes[lane];
    work.calls += 1;
    work.records += records;
    work.bytes += bytes;
    return () => {
      work.calls -= 1;
      work.records -= records;
      work.bytes -= bytes;
    };
  }

  #sum(of: (work: Work) => number): number {
    return of(this.#lanes.interactive) + of(this.#lanes.batch);
  }
}

/** Of the places that the lanes share: long calls of bulk work leave some to whoever is waiting. */
const BATCH_SHARE_MAX = 7 / 8;
const BATCH: ReadonlySet<LaneName> = new Set(["batch"]);
const NONE: ReadonlySet<LaneName> = new Set();
const ALL: ReadonlySet<LaneName> = new Set(LANES);
