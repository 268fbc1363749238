/** Rows of results as a list shows them, the latest first. */
import { usdOf } from "../../libs/shared/money.ts";
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

/** A place in the list: of two requests of one time, the one with the higher id is the later one. */
export type Place = {
  /** Epoch microseconds, a whole number. */
  readonly received_us: number;
  readonly id: string;
};

export type ListFilter = {
  readonly tier?: string | undefined;
  readonly model?: string | undefined;
  readonly cache?: string | undefined;
  readonly user?: string | undefined;
  readonly job?: string | undefined;
  readonly error_code?: string | undefined;
  /** Epoch ms of the arrival: from, and before. */
  readonly from_ms?: number | undefined;
  readonly to_ms?: number | undefined;
};

export type ListedRow = Place & {
  readonly status: string;
  readonly tier: string | null;
  readonly model: string | null;
  readonly cache: string | null;
  readonly user: string | null;
  readonly kind: string | null;
  readonly job: string | null;
  readonly error_code: string | null;
  readonly prompt_tokens: number | null;
  readonly completion_tokens: number | null;
  readonly cost_usd: number | null;
  readonly completed_ms: number;
};

export type RowPage = ListFilter & {
  /** Left out: any. */
  readonly statuses?: readonly string[] | undefined;
  readonly before?: Place | undefined;
  readonly limit: number;
};

/** As the columns come; `listed` makes a row of it. */
export type StoredRow = Omit<ListedRow, "cost_usd"> & { readonly cost_nusd: string | null };

export const LISTED_COLUMNS = `id, status, tier, model, cache, user_id AS "user", kind, job, error_code, prompt_tokens, completion_tokens,
  cost_nusd::text AS cost_nusd, round(extract(epoch FROM received_at) * 1e6)::float8 AS received_us,
  (extract(epoch FROM completed_at) * 1e3)::float8 AS completed_ms`;

/** @throws retryable while Postgres is away. */
export async function listRows(pool: Pool, tenant: string, page: RowPage): Promise<ListedRow[]> {
  const { text, values } = statement(tenant, page);
  const { rows } = await withPostgres(() => pool.query<StoredRow>({ text, values }));
  return rows.map(listed);
}

export function listed<Row extends StoredRow>({ cost_nusd, ...row }: Row) {
  return { ...row, cost_usd: cost_nusd === null ? null : usdOf(Number(cost_nusd)) };
}

/** Where a request with a result stands in the list. */
export async function placeOf(pool: Pool, tenant: string, id: string): Promise<Place | undefined> {
  const days = await withPostgres(() =>
    pool.query<{ day: string }>("SELECT day::text AS day FROM sluice_claims WHERE tenant = $1 AND id = $2", [
      tenant,
      id,
    ]),
  );
  const text = `SELECT round(extract(epoch FROM received_at) * 1e6)::float8 AS received_us FROM sluice_results
    WHERE tenant = $1 AND id = $2 AND day = $3::date`;
  const values = [tenant, id, days.rows[0]?.day ?? null];
  const { rows } = await withPostgres(() => pool.query<{ received_us: number }>({ text, values }));
  return rows[0] === undefined ? undefined : { received_us: rows[0].received_us, id };
}

/** Written anew for what was asked, so that Postgres plans for it: each filter may be the one that helps. */
function statement(tenant: string, page: RowPage): { text: string; values: unknown[] } {
  const values: unknown[] = [tenant];
  const value = (given: unknown): string => `$${values.push(given)}`;
  const wheres = ["tenant = $1"];
  const equal = {
    tier: page.tier,
    model: page.model,
    cache: page.cache,
    user_id: page.user,
    job: page.job,
    error_code: page.error_code,
  };
  for (const [column, given] of Object.entries(equal)) {
    if (given !== undefined) wheres.push(`${column} = ${value(given)}`);
  }
  if (page.statuses !== undefined) wheres.push(`status = ANY(${value(page.statuses)}::text[])`);
  if (page.from_ms !== undefined) {
    const from = `to_timestamp(${value(page.from_ms / 1_000)}::float8)`;
    // A claim comes after its request; a day is left for clocks that differ.
    wheres.push(`received_at >= ${from}`, `day >= (${from} AT TIME ZONE 'UTC')::date - 1`);
  }
  if (page.to_ms !== undefined) wheres.push(`received_at < to_timestamp(${value(page.to_ms / 1_000)}::float8)`);
  if (page.before !== undefined) {
    const at = `to_timestamp(${value(page.before.received_us / 1_000_000)}::float8)`;
    wheres.push(`(received_at, id) < (${at}, ${value(page.before.id)})`);
  }
  const text = `SELECT ${LISTED_COLUMNS} FROM sluice_results WHERE ${wheres.join(" AND ")}
    ORDER BY received_at DESC, id DESC LIMIT ${value(page.limit)}`;
  return { text, values };
}
