/** Where the records of requests stand that are selected by id, as Postgres knows it. */
import { ORIGIN_HEADER } from "../../../libs/shared/events/headers.ts";
import { originOf } from "../../../libs/shared/events/origin.ts";
import type { TopicPartition } from "../../../libs/shared/kafka/ports.ts";
import { type Pool, withPostgres } from "../../../libs/shared/postgres/client.ts";
import { findClaims, findRows, type KeptClaim, type ResultId } from "../../../libs/shared/postgres/results.ts";
import { nameOf } from "./originals.ts";

export type Place = TopicPartition & { readonly offset: number };

export type Placed = {
  readonly claim: KeptClaim;
  readonly request?: Place;
  /** When it ended, epoch ms. */
  readonly completed_ms?: number;
};

/**
 * An id is a tenant's own, and claims are ordered by tenant: each tenant is found by one step in the index, and its ids then by one each.
 * (A loose index scan: wiki.postgresql.org/wiki/Loose_indexscan.)
 */
const OWNERS = `
WITH RECURSIVE tenants AS (
  (SELECT tenant FROM sluice_claims ORDER BY tenant LIMIT 1)
  UNION ALL
  SELECT (SELECT tenant FROM sluice_claims WHERE tenant > tenants.tenant ORDER BY tenant LIMIT 1)
  FROM tenants WHERE tenants.tenant IS NOT NULL
)
SELECT tenant, id FROM tenants CROSS JOIN unnest($1::text[]) AS asked (id)
WHERE EXISTS (SELECT 1 FROM sluice_claims AS claim WHERE claim.tenant = tenants.tenant AND claim.id = asked.id)`;

/** @param tenant left out: whoever has the ids. @throws retryable while Postgres is away. */
export async function findPlaced(
  pool: Pool,
  ids: readonly string[],
  tenant: string | undefined,
): Promise<readonly Placed[]> {
  const asked = tenant === undefined ? await ownersOf(pool, ids) : ids.map((id) => ({ tenant, id }));
  const claims = await findClaims(pool, asked);
  const rows = new Map((await findRows(pool, claims)).map((row) => [nameOf(row), row]));
  return claims.map((claim) => {
    const row = rows.get(nameOf(claim));
    if (row === undefined) return { claim };
    const request = row.origin === null ? undefined : originOf({ [ORIGIN_HEADER]: row.origin });
    const { timing } = JSON.parse(row.result) as { readonly timing?: { readonly completed?: number } };
    return {
      claim,
      ...(request === undefined ? {} : { request }),
      ...(timing?.completed === undefined ? {} : { completed_ms: timing.completed }),
    };
  });
}

async function ownersOf(pool: Pool, ids: readonly string[]): Promise<readonly ResultId[]> {
  const { rows } = await withPostgres(() => pool.query<ResultId>({ name: "owners", text: OWNERS, values: [ids] }));
  return rows;
}
