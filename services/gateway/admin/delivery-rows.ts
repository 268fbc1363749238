/** Deliveries of all tenants. Both halves of the list follow an index of their own: what waits by when it is due, what has ended by when. */
import { ID_PATTERN } from "../../../libs/shared/events/fields.ts";
import { DELIVERY_FIELDS, type DeliveryRow } from "../webhooks/deliveries.ts";
import type { Reads } from "./reads.ts";

export type AnyDeliveryRow = DeliveryRow & { readonly tenant: string };

export type AnyDeliveryFilter = {
  readonly limit: number;
  readonly after?: string | undefined;
  readonly tenant?: string | undefined;
  readonly subject?: string | undefined;
  readonly status?: string | undefined;
};

const MOVED = "coalesce(ended_at, next_at)";

const half = (column: string, holds: string): string => `
  (SELECT * FROM sluice_deliveries
   WHERE ${holds} AND ($2::text IS NULL OR tenant = $2) AND ($3::text IS NULL OR subject = $3) AND ($4::text IS NULL OR status = $4)
     AND ($5::text IS NULL OR (${column}, id) < (SELECT ${MOVED}, id FROM sluice_deliveries WHERE id = $5))
   ORDER BY ${column} DESC, id DESC LIMIT $1)`;

const LIST = `
WITH shown AS (${half("next_at", "status = 'pending'")} UNION ALL ${half("ended_at", "status <> 'pending'")})
SELECT tenant, ${DELIVERY_FIELDS} FROM shown ORDER BY ${MOVED} DESC, id DESC LIMIT $1`;

/** What waits first, then what ended last. */
export function listDeliveries(reads: Reads, filter: AnyDeliveryFilter): Promise<readonly AnyDeliveryRow[]> {
  const { limit, tenant, subject, status, after } = filter;
  return reads<AnyDeliveryRow>(LIST, [limit, tenant ?? null, subject ?? null, status ?? null, after ?? null]);
}

/** Whose delivery it is; undefined where there is none. */
export async function tenantOfDelivery(reads: Reads, id: string): Promise<string | undefined> {
  if (!ID_PATTERN.test(id)) return undefined;
  const [row] = await reads<{ readonly tenant: string }>("SELECT tenant FROM sluice_deliveries WHERE id = $1", [id]);
  return row?.tenant;
}
