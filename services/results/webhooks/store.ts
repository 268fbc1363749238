/** Deliveries as their deliverer sees them, in Postgres. */
import { type Pool, withPostgres } from "../../../libs/shared/postgres/client.ts";
import type { SecretOwner } from "../../../libs/shared/webhooks/signing.ts";

/** A delivery that is held until its lease ends. */
export type Due = {
  readonly id: string;
  readonly event_id: string;
  readonly tenant: string;
  readonly webhook: string;
  readonly url: string;
  readonly host: string;
  readonly type: string;
  readonly subject: string;
  readonly at_ms: number;
  /** Since its schedule began. */
  readonly tries: number;
  readonly lease: string;
  /** Undefined where the webhook is gone or disabled. */
  readonly signer: SecretOwner | undefined;
};

/** How many of something are held already. */
export type Held = ReadonlyMap<string, number>;

export type LeaseAsk = {
  readonly now_ms: number;
  readonly lease_ms: number;
  /** A name that no other lease has. */
  readonly lease: string;
  readonly count: number;
  readonly host_max: number;
  readonly tenant_max: number;
  readonly hosts: Held;
  readonly tenants: Held;
};

export type Attempt = {
  readonly at_ms: number;
  readonly duration_ms: number;
  readonly status: number | null;
  readonly error: string | null;
};

/** After an attempt. @property next_ms when it is tried again, while it is pending. */
export type AfterAttempt = { readonly status: "delivered" | "pending" | "failed"; readonly next_ms?: number };

export interface DeliveryStore {
  /** The longest due first, each to one asker. */
  lease(ask: LeaseAsk): Promise<Due[]>;
  /** Nothing happens where the lease has gone to another. */
  save(due: Due, attempt: Attempt, after: AfterAttempt): Promise<void>;
  /** Ends it without an attempt. */
  drop(due: Due, now_ms: number): Promise<void>;
  /** Nobody is at the endpoint's URL any more: it is disabled, and what waits for it ends. */
  disable(due: Due, now_ms: number): Promise<void>;
  /** Removes what ended before, and gives up what began before and never got its turn. @returns how many. */
  sweep(now_ms: number, ended_before_ms: number, began_before_ms: number): Promise<number>;
}

/** Looked at to find some of each host and tenant. */
const WINDOW = 1_000;
const SWEPT_MAX = 5_000;

const LEASE = `WITH first AS (
  SELECT id, host, tenant, next_at FROM sluice_deliveries
  WHERE status = 'pending' AND next_at <= to_timestamp($1 / 1000.0) AND host <> ALL($6::text[]) AND tenant <> ALL($9::text[])
  ORDER BY next_at LIMIT ${WINDOW}
), due AS (
  SELECT id, host, tenant, row_number() OVER (PARTITION BY host ORDER BY next_at) AS host_turn,
    row_number() OVER (PARTITION BY tenant ORDER BY next_at) AS tenant_turn
  FROM first
), taken AS (
  SELECT delivery.id FROM sluice_deliveries AS delivery JOIN due USING (id)
    LEFT JOIN unnest($7::text[], $8::int[]) AS hosts (host, held) ON hosts.host = due.host
    LEFT JOIN unnest($10::text[], $11::int[]) AS tenants (tenant, held) ON tenants.tenant = due.tenant
  WHERE due.host_turn <= $5 - coalesce(hosts.held, 0) AND due.tenant_turn <= $12 - coalesce(tenants.held, 0)
    AND delivery.status = 'pending' AND delivery.next_at <= to_timestamp($1 / 1000.0)
  ORDER BY delivery.next_at LIMIT $4 FOR UPDATE OF delivery SKIP LOCKED
), leased AS (
  UPDATE sluice_deliveries SET lease = $3, next_at = to_timestamp(($1 + $2) / 1000.0)
  WHERE id IN (SELECT id FROM taken) RETURNING *
)
SELECT leased.id, event_id, leased.tenant, webhook, leased.url, host, type, subject, tries, lease,
  (extract(epoch FROM occurred_at) * 1000)::float8 AS at_ms, signer.status AS signer_status, secret_version,
  (extract(epoch FROM old_secret_until) * 1000)::float8 AS old_secret_until_ms
FROM leased LEFT JOIN sluice_webhooks AS signer ON signer.id = leased.webhook AND signer.tenant = leased.tenant`;

const SAVE = `WITH saved AS (
  UPDATE sluice_deliveries SET status = $3, attempts = attempts + 1, tries = tries + 1, lease = NULL,
    next_at = coalesce(to_timestamp($4::float8 / 1000.0), next_at), last_status = $7::int, last_error = $8::text,
    ended_at = CASE WHEN $3 = 'pending' THEN NULL ELSE to_timestamp(($5::float8 + $6::int) / 1000.0) END
  WHERE id = $1 AND lease = $2 AND status = 'pending' RETURNING id, attempts
)
INSERT INTO sluice_delivery_attempts (delivery, attempt, at, duration_ms, status, error)
SELECT id, attempts, to_timestamp($5::float8 / 1000.0), $6::int, $7::int, $8::text FROM saved`;

const DROP = `UPDATE sluice_deliveries SET status = 'dropped', lease = NULL, ended_at = to_timestamp($3 / 1000.0)
WHERE id = $1 AND lease = $2 AND status = 'pending'`;

/** Somebody may have given it another URL since. */
const DISABLE = `WITH disabled AS (
  UPDATE sluice_webhooks SET status = 'disabled', disabled_why = 'gone', updated_at = to_timestamp($3 / 1000.0)
  WHERE id = $1 AND url = $2 AND status = 'enabled' RETURNING id
)
UPDATE sluice_deliveries SET status = 'dropped', ended_at = to_timestamp($3 / 1000.0)
WHERE webhook = (SELECT id FROM disabled) AND status = 'pending'`;

const SWEEP = `DELETE FROM sluice_deliveries WHERE id IN (
  SELECT id FROM sluice_deliveries WHERE status <> 'pending' AND ended_at < to_timestamp($1 / 1000.0) LIMIT ${SWEPT_MAX})`;

const GIVE_UP = `UPDATE sluice_deliveries SET status = 'failed', ended_at = to_timestamp($2 / 1000.0),
  last_error = 'its turn did not come in time'
WHERE id IN (SELECT id FROM sluice_deliveries WHERE status = 'pending' AND next_at <= to_timestamp($2 / 1000.0)
  AND began_at < to_timestamp($1 / 1000.0) ORDER BY next_at LIMIT ${SWEPT_MAX})`;

type Row = Omit<Due, "signer"> & {
  readonly signer_status: string | null;
  readonly secret_version: number;
  readonly old_secret_until_ms: number | null;
};

export class PostgresDeliveries implements DeliveryStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async lease(ask: LeaseAsk): Promise<Due[]> {
    const full = (held: Held, max: number): string[] =>
      [...held].filter(([, count]) => count >= max).map(([name]) => name);
    const { now_ms, lease_ms, lease, count, host_max, tenant_max, hosts, tenants } = ask;
    const { rows } = await this.#query<Row>("lease", LEASE, [
      ...[now_ms, lease_ms, lease, count, host_max, full(hosts, host_max), [...hosts.keys()], [...hosts.values()]],
      ...[full(tenants, tenant_max), [...tenants.keys()], [...tenants.values()], tenant_max],
    ]);
    return rows.map(({ signer_status, secret_version, old_secret_until_ms, ...row }) => {
      const owner = { tenant: row.tenant, id: row.webhook, secret_version, old_secret_until_ms };
      return { ...row, signer: signer_status === "enabled" ? owner : undefined };
    });
  }

  async save(due: Due, attempt: Attempt, { status, next_ms }: AfterAttempt): Promise<void> {
    const { at_ms, duration_ms, status: answered, error } = attempt;
    await this.#query("saveAttempt", SAVE, [
      ...[due.id, due.lease, status, next_ms ?? null, at_ms, duration_ms, answered, error],
    ]);
  }

  async drop(due: Due, now_ms: number): Promise<void> {
    await this.#query("dropDelivery", DROP, [due.id, due.lease, now_ms]);
  }

  async disable(due: Due, now_ms: number): Promise<void> {
    await this.#query("disableWebhook", DISABLE, [due.webhook, due.url, now_ms]);
  }

  async sweep(now_ms: number, ended_before_ms: number, began_before_ms: number): Promise<number> {
    const removed = await this.#query("sweepDeliveries", SWEEP, [ended_before_ms]);
    const given_up = await this.#query("giveUpDeliveries", GIVE_UP, [began_before_ms, now_ms]);
    return (removed.rowCount ?? 0) + (given_up.rowCount ?? 0);
  }

  #query<R extends object>(name: string, text: string, values: unknown[]) {
    return withPostgres(() => this.#pool.query<R>({ name, text, values }));
  }
}
