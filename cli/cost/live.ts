/** The traffic of the last while, as rows of results have it: what a forecast from live figures begins with. */
import { type Pool, withPostgres } from "../../libs/shared/postgres/client.ts";

export type LiveTier = {
  readonly tier: string;
  readonly calls: number;
  readonly tokens_in: number;
  readonly tokens_out: number;
  readonly service_ms: number;
};

export type Live = {
  readonly requests: number;
  /** From the first to the last of them; at most what was asked for. */
  readonly span_ms: number;
  readonly hits: number;
  readonly escalated: number;
  /** In the busiest minute. */
  readonly minute_max: number;
  readonly tiers: readonly LiveTier[];
};

// As in `spend.ts`: what has ended since then was claimed since then, but for clocks that differ.
const SCOPE = `
  completed_at >= to_timestamp($1 / 1000.0) AND day >= (to_timestamp($1 / 1000.0) AT TIME ZONE 'UTC')::date - 1
  AND ($2::text IS NULL OR tenant = $2) AND left(tenant, 7) <> 'sluice.' AND status = 'succeeded'`;

const SUMS = `
SELECT count(*)::int AS requests, count(*) FILTER (WHERE cache IN ('exact', 'semantic', 'coalesced'))::int AS hits,
  coalesce(extract(epoch FROM max(received_at) - min(received_at)) * 1000, 0)::float8 AS span_ms,
  coalesce((SELECT max(n) FROM (SELECT count(*)::int AS n FROM sluice_results WHERE ${SCOPE} GROUP BY date_trunc('minute', received_at)) AS m), 0)
    AS minute_max
FROM sluice_results WHERE ${SCOPE}`;

const TIERS = `
SELECT tier, count(*)::int AS calls, avg(prompt_tokens)::float8 AS tokens_in, avg(completion_tokens)::float8 AS tokens_out
FROM sluice_results WHERE ${SCOPE} AND tier IS NOT NULL AND cache IN ('miss', 'bypass')
GROUP BY tier ORDER BY sum(cost_nusd) / count(*), tier`;

/** Times of calls stand in the Result alone, so they are taken of some: the latest. */
const TIMES = `
SELECT tier, avg(service_ms)::float8 AS service_ms, count(*)::int AS seen, count(*) FILTER (WHERE escalated)::int AS escalated
FROM (
  SELECT tier, (result::jsonb #>> '{timing,completed}')::float8 - (result::jsonb #>> '{timing,dispatched}')::float8 AS service_ms,
    result::jsonb #>> '{route,escalated_from}' IS NOT NULL AS escalated
  FROM sluice_results WHERE ${SCOPE} AND cache IN ('miss', 'bypass') ORDER BY completed_at DESC LIMIT 2000
) AS latest GROUP BY tier`;

type Sums = Omit<Live, "tiers" | "escalated">;
type Times = {
  readonly tier: string;
  readonly service_ms: number | null;
  readonly seen: number;
  readonly escalated: number;
};

/** The cheapest tier first. @throws retryable while Postgres is away. */
export async function readLive(
  pool: Pool,
  { tenant, since_ms }: { readonly tenant: string | undefined; readonly since_ms: number },
): Promise<Live> {
  const values = [since_ms, tenant ?? null];
  const [sums, tiers, times] = await withPostgres(() =>
    Promise.all([
      pool.query<Sums>(SUMS, values),
      pool.query<Omit<LiveTier, "service_ms">>(TIERS, values),
      pool.query<Times>(TIMES, values),
    ]),
  );
  const [sum] = sums.rows;
  const seen = times.rows.reduce((count, row) => count + row.seen, 0);
  const escalated = times.rows.reduce((count, row) => count + row.escalated, 0);
  const called = tiers.rows.reduce((count, row) => count + row.calls, 0);
  return {
    requests: sum?.requests ?? 0,
    span_ms: sum?.span_ms ?? 0,
    hits: sum?.hits ?? 0,
    minute_max: sum?.minute_max ?? 0,
    escalated: seen === 0 ? 0 : Math.round((escalated / seen) * called),
    tiers: tiers.rows.map((row) => ({
      ...row,
      service_ms: times.rows.find(({ tier }) => tier === row.tier)?.service_ms ?? 0,
    })),
  };
}
