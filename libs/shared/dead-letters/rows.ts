/** What was done with dead letters, in Postgres: one row each, the first one counts. */
import { type Pool, withPostgres } from "../postgres/client.ts";
import type { DeadLetter, Handled } from "./letter.ts";

export interface DeadLetterRows {
  /** In the order of the letters; undefined where one still waits. @throws retryable while Postgres is away. */
  of(letters: readonly DeadLetter[]): Promise<readonly (Handled | undefined)[]>;
  /** @returns how many had no row before. @throws retryable while Postgres is away. */
  note(done: readonly { readonly letter: DeadLetter; readonly handled: Handled }[]): Promise<number>;
}

const FIND = `
SELECT part, off, action, extract(epoch FROM at) * 1000 AS at_ms, by_whom, why, replay, target
FROM sluice_dead_letters JOIN unnest($2::int[], $3::bigint[]) AS asked (part, off) USING (part, off) WHERE topic = $1`;

const NOTE = `
INSERT INTO sluice_dead_letters (topic, part, off, action, error_code, at, by_whom, why, replay, target)
SELECT topic, part, off, action, code, to_timestamp(at_ms / 1000.0), by_whom, why, replay, target
FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::float8[], $7::text[], $8::text[], $9::text[], $10::text[])
  AS done (topic, part, off, action, code, at_ms, by_whom, why, replay, target)
ON CONFLICT (topic, part, off) DO NOTHING`;

type Row = {
  readonly part: number;
  readonly off: string;
  readonly action: Handled["action"];
  readonly at_ms: string;
  readonly by_whom: string;
  readonly why: string | null;
  readonly replay: string | null;
  readonly target: string | null;
};

export class PostgresDeadLetterRows implements DeadLetterRows {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async of(letters: readonly DeadLetter[]): Promise<readonly (Handled | undefined)[]> {
    const topic = letters[0]?.record.topic;
    if (topic === undefined) return [];
    const values = [topic, letters.map(({ record }) => record.partition), letters.map(({ record }) => record.offset)];
    const { rows } = await withPostgres(() => this.#pool.query<Row>({ name: "dead-letters", text: FIND, values }));
    const found = new Map(rows.map((row) => [`${row.part}:${row.off}`, handledOf(row)]));
    return letters.map(({ place }) => found.get(place));
  }

  async note(done: readonly { readonly letter: DeadLetter; readonly handled: Handled }[]): Promise<number> {
    if (done.length === 0) return 0;
    const of = (pick: (one: (typeof done)[number]) => unknown): unknown[] => done.map(pick);
    const values = [
      of(({ letter }) => letter.record.topic),
      of(({ letter }) => letter.record.partition),
      of(({ letter }) => letter.record.offset),
      of(({ handled }) => handled.action),
      of(({ letter }) => letter.code),
      of(({ handled }) => handled.at_ms),
      of(({ handled }) => handled.by),
      of(({ handled }) => handled.why ?? null),
      of(({ handled }) => handled.replay ?? null),
      of(({ handled }) => handled.target ?? null),
    ];
    const { rowCount } = await withPostgres(() => this.#pool.query({ name: "dead-letters-note", text: NOTE, values }));
    return rowCount ?? 0;
  }
}

function handledOf({ action, at_ms, by_whom, why, replay, target }: Row): Handled {
  return {
    action,
    at_ms: Number(at_ms),
    by: by_whom,
    ...(why === null ? {} : { why }),
    ...(replay === null ? {} : { replay }),
    ...(target === null ? {} : { target }),
  };
}
