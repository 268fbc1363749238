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

/** Which outcome is the request's result, and where its row lies. */
export type KeptClaim = ResultId & {
  readonly content_hash: string;
  /** The outcome's place. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** `YYYY-MM-DD`. */
  readonly day: string;
};

// As text: a driver makes a local midnight of a date.
const CLAIMS = `
SELECT tenant, id, day::text AS day, content_hash, outcome_topic AS topic, outcome_partition AS partition, outcome_offset AS "offset"
FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS a (tenant, id)) AS asked JOIN sluice_claims USING (tenant, id)`;

const ROWS = `
SELECT tenant, id, result, origin
FROM unnest($1::text[], $2::text[], $3::date[]) AS asked (tenant, id, day) JOIN sluice_results AS r USING (tenant, id, day)
WHERE r.day = ANY($4::date[])`;

/** In no order; asked twice, it is there once. @throws retryable while Postgres is away. */
export async function findClaims(pool: Pool, asked: readonly ResultId[]): Promise<readonly KeptClaim[]> {
  if (asked.length === 0) return [];
  const values = [asked.map(({ tenant }) => tenant), asked.map(({ id }) => id)];
  const { rows } = await withPostgres(() =>
    pool.query<KeptClaim & { readonly offset: string }>({ name: "claims", text: CLAIMS, values }),
  );
  return rows.map((row) => ({ ...row, offset: Number(row.offset) }));
}

/** The rows of claims. @throws retryable while Postgres is away. */
export async function findRows(
  pool: Pool,
  claims: readonly Pick<KeptClaim, "tenant" | "id" | "day">[],
): Promise<readonly KeptResult[]> {
  if (claims.length === 0) return [];
  const days = claims.map(({ day }) => day);
  const values = [claims.map(({ tenant }) => tenant), claims.map(({ id }) => id), days, [...new Set(days)]];
  const { rows } = await withPostgres(() => pool.query<KeptResult>({ name: "results", text: ROWS, values }));
  return rows;
}

/** What there is (still), in no order; asked twice, it is there once. @throws retryable while Postgres is away. */
export async function findResults(pool: Pool, asked: readonly ResultId[]): Promise<readonly KeptResult[]> {
  return findRows(pool, await findClaims(pool, asked));
}

/** @throws retryable while Postgres is away. */
export async function findResult(pool: Pool, tenant: string, id: string): Promise<KeptResult | undefined> {
  return (await findResults(pool, [{ tenant, id }]))[0];
}

const TRACEPARENT = `
SELECT trail::json ->> 'traceparent' AS traceparent FROM sluice_results WHERE tenant = $1 AND id = $2 AND day = $3::date`;

/** The trace that a Result was published in, where it was in one. @throws retryable while Postgres is away. */
export async function findTraceparent(pool: Pool, tenant: string, id: string): Promise<string | undefined> {
  const [claim] = await findClaims(pool, [{ tenant, id }]);
  if (claim === undefined) return undefined;
  const values = [tenant, id, claim.day];
  const { rows } = await withPostgres(() =>
    pool.query<{ readonly traceparent: string | null }>({ name: "traceparent", text: TRACEPARENT, values }),
  );
  return rows[0]?.traceparent ?? undefined;
}
