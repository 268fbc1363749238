/** What Postgres has of a request: its claim and row, who was told of it, and what was made from it. */
import type { Result } from "../events/flow.ts";
import { type Pool, withPostgres } from "../postgres/client.ts";
import type { DeliveryView } from "./explanation.ts";
import type { FoundRow, FoundRun } from "./found.ts";
import { keptTrailOf } from "./kept-trail.ts";

const CLAIM = `SELECT content_hash, outcome_topic AS topic, outcome_partition AS partition, outcome_offset AS "offset", day::text AS day
FROM sluice_claims WHERE tenant = $1 AND id = $2`;

const ROW = `SELECT result, trail, origin, job, user_id AS "user", kind, corrected_by
FROM sluice_results WHERE tenant = $1 AND id = $2 AND day = $3::date`;

type Row = Pick<FoundRow, "origin" | "job" | "user" | "kind" | "corrected_by"> & {
  readonly result: string;
  readonly trail: string | null;
};

/** @throws retryable while Postgres is away. */
export async function findRow(pool: Pool, tenant: string, id: string): Promise<FoundRow | undefined> {
  const claims = await withPostgres(() =>
    pool.query<{ content_hash: string; topic: string; partition: number; offset: string; day: string }>(CLAIM, [
      tenant,
      id,
    ]),
  );
  const [claim] = claims.rows;
  if (claim === undefined) return undefined;
  const { rows } = await withPostgres(() => pool.query<Row>(ROW, [tenant, id, claim.day]));
  const [row] = rows;
  if (row === undefined) return undefined;
  const { result, trail, ...rest } = row;
  const { topic, partition, offset, content_hash } = claim;
  const outcome = { topic, partition, offset: Number(offset) };
  return { ...rest, result: JSON.parse(result) as Result, kept: keptTrailOf(trail), outcome, content_hash };
}

/** Of one request few are made. */
const RUNS_MAX = 20;

/** Names compare by their bytes: a run's begins with the one's it was made from. */
const RUNS = `SELECT c.id, r.status FROM sluice_claims AS c JOIN sluice_results AS r USING (tenant, id, day)
WHERE c.tenant = $1 AND ((c.id > $2 || '.redrive' AND c.id < $2 || '.redrivf') OR c.id = $2 || '.appeal')
ORDER BY c.id LIMIT ${RUNS_MAX}`;

/** Redrives and appeals that have ended. @throws as `findRow`. */
export async function findRuns(pool: Pool, tenant: string, id: string): Promise<FoundRun[]> {
  return (await withPostgres(() => pool.query<FoundRun>(RUNS, [tenant, id]))).rows;
}

const DELIVERIES_MAX = 20;
const MS = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;
const DELIVERIES = `SELECT id, webhook, url, type, status, CASE WHEN status = 'pending' THEN ${MS("next_at")} END AS next_ms, coalesce((
    SELECT json_agg(json_build_object('attempt', attempt, 'at_ms', ${MS("at")}, 'duration_ms', duration_ms, 'status', status,
      'error', error) ORDER BY attempt)
    FROM (SELECT * FROM sluice_delivery_attempts WHERE delivery = shown.id ORDER BY attempt DESC LIMIT 20) AS one
  ), '[]'::json) AS attempts
FROM sluice_deliveries AS shown WHERE tenant = $1 AND subject = $2 AND type LIKE 'request.%'
ORDER BY occurred_at, id LIMIT ${DELIVERIES_MAX}`;

/** With the last attempts of each. @throws as `findRow`. */
export async function findDeliveries(pool: Pool, tenant: string, id: string): Promise<DeliveryView[]> {
  const { rows } = await withPostgres(() =>
    pool.query<DeliveryView & { readonly next_ms: number | null }>(DELIVERIES, [tenant, id]),
  );
  return rows.map(({ next_ms, ...row }) => (next_ms === null ? row : { ...row, next_ms }));
}

const TENANTS = "SELECT tenant FROM sluice_claims WHERE tenant = ANY($1::text[]) AND id = $2 ORDER BY tenant";

/** Of these tenants, those that have a Result of the id: looked up by name, since no index has ids alone. @throws as `findRow`. */
export async function tenantsWith(pool: Pool, tenants: readonly string[], id: string): Promise<string[]> {
  const { rows } = await withPostgres(() => pool.query<{ tenant: string }>(TENANTS, [tenants, id]));
  return rows.map(({ tenant }) => tenant);
}

export type Handled = { readonly action: string; readonly target: string | null };

const HANDLED = `SELECT part, off::text AS off, action, target FROM sluice_dead_letters
JOIN unnest($2::int[], $3::bigint[]) AS asked (part, off) USING (part, off) WHERE topic = $1`;

/** What somebody did with dead letters, by `<partition>:<offset>`. @throws as `findRow`. */
export async function findHandled(
  pool: Pool,
  topic: string,
  places: readonly { readonly partition: number; readonly offset: number }[],
): Promise<ReadonlyMap<string, Handled>> {
  if (places.length === 0) return new Map();
  const values = [topic, places.map(({ partition }) => partition), places.map(({ offset }) => offset)];
  const { rows } = await withPostgres(() =>
    pool.query<Handled & { readonly part: number; readonly off: string }>(HANDLED, values),
  );
  return new Map(rows.map(({ part, off, action, target }) => [`${part}:${off}`, { action, target }]));
}
