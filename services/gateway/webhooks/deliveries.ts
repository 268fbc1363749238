/** Deliveries as their tenant sees them, in Postgres, and sending one again. */
import { type Pool, withPostgres } from "../../../libs/shared/postgres/client.ts";
import type { Page } from "../../../libs/shared/webhooks/endpoints.ts";

export type AttemptRow = {
  readonly attempt: number;
  readonly at_ms: number;
  readonly duration_ms: number;
  readonly status: number | null;
  readonly error: string | null;
};

export type DeliveryRow = {
  readonly id: string;
  readonly event_id: string;
  readonly webhook: string;
  readonly url: string;
  readonly type: string;
  readonly subject: string;
  readonly status: "pending" | "delivered" | "failed" | "dropped";
  readonly attempts_total: number;
  readonly occurred_ms: number;
  readonly next_ms: number;
  readonly ended_ms: number | null;
  readonly attempts: readonly AttemptRow[];
};

export type DeliveryFilter = Page & {
  readonly webhook?: string | undefined;
  readonly subject?: string | undefined;
  readonly status?: string | undefined;
};

/** `disabled`: its webhook is, or is gone. */
export type Redelivery =
  | { readonly kind: "again"; readonly delivery: DeliveryRow }
  | { readonly kind: "unknown" }
  | { readonly kind: "disabled" };

const ATTEMPTS_MAX = 100;

const MS = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;
/** Selected of `sluice_deliveries AS shown`. */
export const DELIVERY_FIELDS = `id, event_id, webhook, url, type, subject, status, attempts AS attempts_total, ${MS("occurred_at")} AS occurred_ms,
  ${MS("next_at")} AS next_ms, ${MS("ended_at")} AS ended_ms, coalesce((
    SELECT json_agg(json_build_object('attempt', attempt, 'at_ms', ${MS("at")}, 'duration_ms', duration_ms, 'status', status,
      'error', error) ORDER BY attempt)
    FROM (SELECT * FROM sluice_delivery_attempts WHERE delivery = shown.id ORDER BY attempt DESC LIMIT ${ATTEMPTS_MAX}) AS one
  ), '[]'::json) AS attempts`;

const LIST = `SELECT ${DELIVERY_FIELDS} FROM sluice_deliveries AS shown
WHERE tenant = $1 AND ($3::text IS NULL OR webhook = $3) AND ($4::text IS NULL OR subject = $4) AND ($5::text IS NULL OR status = $5)
  AND ($6::text IS NULL OR (occurred_at, id) < (SELECT occurred_at, id FROM sluice_deliveries WHERE tenant = $1 AND id = $6))
ORDER BY occurred_at DESC, id DESC LIMIT $2`;

const FIND = `SELECT ${DELIVERY_FIELDS} FROM sluice_deliveries AS shown WHERE tenant = $1 AND id = $2`;

/** What waits comes at once; what has ended begins its schedule anew. What somebody is at just now ends by itself first. */
const AGAIN = `UPDATE sluice_deliveries AS delivery SET status = 'pending', tries = 0, ended_at = NULL, lease = NULL,
  began_at = to_timestamp($3::float8 / 1000.0), next_at = to_timestamp($3::float8 / 1000.0), url = coalesce(webhook.url, delivery.url)
FROM sluice_webhooks AS webhook
WHERE delivery.tenant = $1 AND delivery.id = $2 AND webhook.tenant = $1 AND webhook.id = delivery.webhook AND webhook.status = 'enabled'
  AND (delivery.status <> 'pending' OR delivery.lease IS NULL)`;

const IS_ENABLED = "SELECT 1 FROM sluice_webhooks WHERE tenant = $1 AND id = $2 AND status = 'enabled'";

export class PostgresDeliveryViews {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The newest first. */
  list(tenant: string, { limit, after, webhook, subject, status }: DeliveryFilter): Promise<DeliveryRow[]> {
    return this.#rows(LIST, [tenant, limit, webhook ?? null, subject ?? null, status ?? null, after ?? null]);
  }

  async redeliver(tenant: string, id: string, now_ms: number): Promise<Redelivery> {
    await withPostgres(() => this.#pool.query(AGAIN, [tenant, id, now_ms]));
    const [delivery] = await this.#rows(FIND, [tenant, id]);
    if (delivery === undefined) return { kind: "unknown" };
    const { rows } = await withPostgres(() => this.#pool.query(IS_ENABLED, [tenant, delivery.webhook]));
    return rows.length === 0 ? { kind: "disabled" } : { kind: "again", delivery };
  }

  async #rows(text: string, values: unknown[]): Promise<DeliveryRow[]> {
    return (await withPostgres(() => this.#pool.query<DeliveryRow>(text, values))).rows;
  }
}
