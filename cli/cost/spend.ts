/** What was spent, summed from the rows of results in Postgres. */
import { usdOf } from "../../libs/shared/money.ts";
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

export type Spend = {
  readonly tenant: string;
  readonly tier: string;
  readonly model: string;
  readonly requests: number;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly cost_usd: number;
};

const SPEND = `
SELECT tenant, tier, model, count(*)::float8 AS requests, sum(prompt_tokens)::float8 AS prompt_tokens,
  sum(completion_tokens)::float8 AS completion_tokens, sum(cost_nusd)::text AS cost_nusd
FROM sluice_results
-- What has ended since then was claimed since then; a day is left for clocks that differ.
WHERE cost_nusd IS NOT NULL AND completed_at >= to_timestamp($1 / 1000.0)
  AND day >= (to_timestamp($1 / 1000.0) AT TIME ZONE 'UTC')::date - 1 AND ($2::text IS NULL OR tenant = $2)
GROUP BY tenant, tier, model
ORDER BY sum(cost_nusd) DESC, tenant, tier, model`;

type Row = Omit<Spend, "cost_usd"> & { readonly cost_nusd: string };

/** The costliest first. Throws (retryable) while Postgres is away. */
export async function readSpend(
  pool: Pool,
  { tenant, since_ms }: { readonly tenant: string | undefined; readonly since_ms: number },
): Promise<Spend[]> {
  const { rows } = await withPostgres(() => pool.query<Row>(SPEND, [since_ms, tenant ?? null]));
  return rows.map(({ cost_nusd, ...row }) => ({ ...row, cost_usd: usdOf(Number(cost_nusd)) }));
}
