/**
 * Rows of results by id. The claim says on which day the row lies, so that one partition is touched: the day is a parameter, which
 * Postgres prunes by when it plans, and a join's is not.
 */
import { type Pool, withPostgres } from "./client.ts";

export type ResultId = { readonly tenant: string; readonly id: string };

/** What is kept of a Result. */
export type KeptResult = ResultId & {
  /** The Result as JSON text. */
  readonly result: string;
  /** Where its request stands on `llm.requests`, as the header `sluice-origin` says. */
  readonly origin: string | null;
};

// As text: a driver makes a local midnight of a date.
const DAYS = `
SELECT tenant, id, day::text AS day
FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS a (tenant, id)) AS asked JOIN sluice_claims USING (tenant, id)`;

const ROWS = `
SELECT tenant, id, result, origin
FROM unnest($1::text[], $2::text[], $3::date[]) AS asked (tenant, id, day) JOIN sluice_results AS r USING (tenant, id, day)
WHERE r.day = ANY($4::date[])`;

/** What there is (still), in no order; asked twice, it is there once. @throws retryable while Postgres is away. */
export async function findResults(pool: Pool, asked: readonly ResultId[]): Promise<readonly KeptResult[]> {
  if (asked.length === 0) return [];
  const of = <T>(rows: readonly T[], pick: (row: T) => string): string[] => rows.map(pick);
  const ids = [of(asked, ({ tenant }) => tenant), of(asked, ({ id }) => id)];
  const { rows: placed } = await withPostgres(() =>
    pool.query<ResultId & { readonly day: string }>({ name: "days", text: DAYS, values: ids }),
  );
  if (placed.length === 0) return [];
  const days = of(placed, ({ day }) => day);
  const values = [of(placed, ({ tenant }) => tenant), of(placed, ({ id }) => id), days, [...new Set(days)]];
  const { rows } = await withPostgres(() => pool.query<KeptResult>({ name: "results", text: ROWS, values }));
  return rows;
}

/** @throws retryable while Postgres is away. */
export async function findResult(pool: Pool, tenant: string, id: string): Promise<KeptResult | undefined> {
  return (await findResults(pool, [{ tenant, id }]))[0];
}
