/**
 * What a replay holds and has spent, record by record, in Postgres (`sluice_replay_calls`): written before a record's first call and after
 * its end, so that whoever goes on after a crash knows what may have been spent. What is written at the same time goes in one statement.
 */
import { type Pool, withPostgres } from "../../../libs/shared/postgres/client.ts";

/** Of the record that was selected. */
export type CallPlace = { readonly topic: string; readonly partition: number; readonly offset: number };

export type CallRow = {
  readonly reserved_nusd: number;
  /** Undefined while its calls are under way, or where whoever made them died. */
  readonly cost_nusd: number | undefined;
};

/** All reject (retryable) while the rows are away; all may be repeated. */
export interface CallRows {
  /** `held_nusd`: of those without a cost. */
  totals(): Promise<{ readonly spent_nusd: number; readonly held_nusd: number }>;
  /** By `callPlaceId`; those without a row are left out. */
  find(places: readonly CallPlace[]): Promise<ReadonlyMap<string, CallRow>>;
  /** Begun, or in hand again: its cost is not known. */
  hold(place: CallPlace, reserved_nusd: number): Promise<void>;
  settle(place: CallPlace, cost_nusd: number): Promise<void>;
}

export function callPlaceId({ topic, partition, offset }: CallPlace): string {
  return `${topic}/${partition}/${offset}`;
}

const TOTALS = `SELECT coalesce(sum(cost_nusd), 0)::float8 AS spent_nusd,
  coalesce(sum(reserved_nusd) FILTER (WHERE cost_nusd IS NULL), 0)::float8 AS held_nusd
FROM sluice_replay_calls WHERE replay = $1`;

const FIND = `SELECT topic, part, off::float8 AS off, reserved_nusd::float8 AS reserved_nusd, cost_nusd::float8 AS cost_nusd
FROM sluice_replay_calls JOIN unnest($2::text[], $3::int[], $4::bigint[]) AS one (topic, part, off) USING (topic, part, off)
WHERE replay = $1`;

const HOLD = `INSERT INTO sluice_replay_calls (replay, topic, part, off, reserved_nusd)
SELECT $1, topic, part, off, amount FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS one (topic, part, off, amount)
ON CONFLICT (replay, topic, part, off) DO UPDATE SET reserved_nusd = excluded.reserved_nusd, cost_nusd = NULL`;

const SETTLE = `UPDATE sluice_replay_calls AS calls SET cost_nusd = one.amount
FROM unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[]) AS one (topic, part, off, amount)
WHERE calls.replay = $1 AND calls.topic = one.topic AND calls.part = one.part AND calls.off = one.off`;

type Found = {
  readonly topic: string;
  readonly part: number;
  readonly off: number;
  readonly reserved_nusd: number;
  readonly cost_nusd: number | null;
};

export class PostgresCallRows implements CallRows {
  readonly #pool: Pool;
  readonly #replay: string;
  readonly #holds: Together;
  readonly #settles: Together;

  constructor(pool: Pool, replay: string) {
    this.#pool = pool;
    this.#replay = replay;
    this.#holds = new Together((all) => this.#write("replay-hold", HOLD, all));
    this.#settles = new Together((all) => this.#write("replay-settle", SETTLE, all));
  }

  async totals(): Promise<{ readonly spent_nusd: number; readonly held_nusd: number }> {
    const { rows } = await withPostgres(() =>
      this.#pool.query<{ spent_nusd: number; held_nusd: number }>(TOTALS, [this.#replay]),
    );
    return rows[0] ?? { spent_nusd: 0, held_nusd: 0 };
  }

  async find(places: readonly CallPlace[]): Promise<ReadonlyMap<string, CallRow>> {
    if (places.length === 0) return new Map();
    const { rows } = await withPostgres(() => this.#pool.query<Found>(FIND, [this.#replay, ...columns(places)]));
    return new Map(
      rows.map(({ topic, part, off, reserved_nusd, cost_nusd }) => [
        callPlaceId({ topic, partition: part, offset: off }),
        { reserved_nusd, cost_nusd: cost_nusd ?? undefined },
      ]),
    );
  }

  hold(place: CallPlace, reserved_nusd: number): Promise<void> {
    return this.#holds.add({ place, nusd: reserved_nusd });
  }

  settle(place: CallPlace, cost_nusd: number): Promise<void> {
    return this.#settles.add({ place, nusd: cost_nusd });
  }

  async #write(name: string, text: string, all: readonly Amount[]): Promise<void> {
    const values = [this.#replay, ...columns(all.map(({ place }) => place)), all.map(({ nusd }) => nusd)];
    await withPostgres(() => this.#pool.query({ name, text, values }));
  }
}

function columns(places: readonly CallPlace[]): unknown[] {
  return [
    places.map(({ topic }) => topic),
    places.map(({ partition }) => partition),
    places.map(({ offset }) => offset),
  ];
}

type Amount = { readonly place: CallPlace; readonly nusd: number };
type Waiting = { readonly amount: Amount; readonly resolve: () => void; readonly reject: (error: unknown) => void };

/** One statement at a time: what comes meanwhile goes with the next. As many wait as there are records in flight. */
class Together {
  readonly #write: (all: readonly Amount[]) => Promise<void>;
  #waiting: Waiting[] = [];
  #busy = false;

  constructor(write: (all: readonly Amount[]) => Promise<void>) {
    this.#write = write;
  }

  add(amount: Amount): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ amount, resolve, reject });
      if (!this.#busy) {
        this.#busy = true;
        setImmediate(() => void this.#flush());
      }
    });
  }

  async #flush(): Promise<void> {
    while (this.#waiting.length > 0) {
      const sent = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(sent.map(({ amount }) => amount));
        for (const { resolve } of sent) resolve();
      } catch (error) {
        for (const { reject } of sent) reject(error);
      }
    }
    this.#busy = false;
  }
}
