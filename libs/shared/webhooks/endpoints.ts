/** Who is told of a tenant's events, in Postgres: the tenant's endpoints, and what signs the callbacks of its requests. */
import { type Pool, withPostgres } from "../postgres/client.ts";
import { stableId } from "./event-body.ts";
import type { SecretOwner } from "./signing.ts";

export type Endpoint = SecretOwner & {
  /** Null: the signer of callbacks. */
  readonly url: string | null;
  /** Event types; `*` for all. */
  readonly events: readonly string[];
  readonly description: string | null;
  readonly status: "enabled" | "disabled";
  /** `gone`: it answered 410. `asked`: somebody wanted it. */
  readonly disabled_why: string | null;
  readonly created_ms: number;
  readonly updated_ms: number;
};

export type NewEndpoint = Pick<Endpoint, "tenant" | "id" | "events" | "description" | "created_ms"> & {
  readonly url: string;
};

/** Left out: stays as it is. */
export type EndpointChange = {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  readonly description?: string | null | undefined;
  readonly enabled?: boolean | undefined;
};

export type Page = { readonly limit: number; readonly after?: string | undefined };

const MS = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;
const FIELDS = `id, tenant, url, events, description, status, disabled_why, secret_version,
  ${MS("old_secret_until")} AS old_secret_until_ms, ${MS("created_at")} AS created_ms, ${MS("updated_at")} AS updated_ms`;

const CREATE = `INSERT INTO sluice_webhooks (id, tenant, url, events, description, status, created_at, updated_at)
SELECT $1, $2, $3, $4, $5, 'enabled', to_timestamp($6 / 1000.0), to_timestamp($6 / 1000.0)
WHERE (SELECT count(*) FROM sluice_webhooks WHERE tenant = $2 AND url IS NOT NULL) < $7
RETURNING ${FIELDS}`;

const FIND = `SELECT ${FIELDS} FROM sluice_webhooks WHERE tenant = $1 AND id = $2 AND url IS NOT NULL`;

const LIST = `SELECT ${FIELDS} FROM sluice_webhooks WHERE tenant = $1 AND url IS NOT NULL AND ($3::text IS NULL
  OR (created_at, id) < (SELECT created_at, id FROM sluice_webhooks WHERE tenant = $1 AND id = $3))
ORDER BY created_at DESC, id DESC LIMIT $2`;

/** What waits goes to the new address; where it is disabled, nowhere. */
const CHANGE = `WITH changed AS (
  UPDATE sluice_webhooks SET url = coalesce($3, url), events = coalesce($4, events),
    description = CASE WHEN $5 THEN $6 ELSE description END,
    status = CASE WHEN $7::boolean IS NULL THEN status WHEN $7 THEN 'enabled' ELSE 'disabled' END,
    disabled_why = CASE WHEN $7::boolean IS NULL THEN disabled_why WHEN $7 THEN NULL
      WHEN status = 'disabled' THEN disabled_why ELSE 'asked' END,
    updated_at = to_timestamp($8 / 1000.0)
  WHERE tenant = $1 AND id = $2 AND url IS NOT NULL RETURNING *
), moved AS (
  UPDATE sluice_deliveries SET url = coalesce($3, url), host = coalesce($9, host),
    status = CASE WHEN $7 IS FALSE THEN 'dropped' ELSE status END,
    ended_at = CASE WHEN $7 IS FALSE THEN to_timestamp($8 / 1000.0) ELSE ended_at END
  WHERE webhook = (SELECT id FROM changed) AND status = 'pending' AND ($3 IS NOT NULL OR $7 IS FALSE)
)
SELECT ${FIELDS} FROM changed`;

const REMOVE = `WITH removed AS (
  DELETE FROM sluice_webhooks WHERE tenant = $1 AND id = $2 AND url IS NOT NULL RETURNING id
), dropped AS (
  UPDATE sluice_deliveries SET status = 'dropped', ended_at = to_timestamp($3 / 1000.0)
  WHERE webhook = (SELECT id FROM removed) AND status = 'pending'
)
SELECT id FROM removed`;

const ROTATE = `UPDATE sluice_webhooks SET secret_version = secret_version + 1, old_secret_until = to_timestamp($4 / 1000.0),
  updated_at = to_timestamp($3 / 1000.0)
WHERE tenant = $1 AND id = $2 RETURNING ${FIELDS}`;

const ADD_SIGNERS = `INSERT INTO sluice_webhooks (id, tenant, events, status, created_at, updated_at)
SELECT id, tenant, '{}', 'enabled', to_timestamp($3 / 1000.0), to_timestamp($3 / 1000.0)
FROM unnest($1::text[], $2::text[]) AS one (id, tenant) ON CONFLICT (id) DO NOTHING`;

const ANY_OF = `SELECT ${FIELDS} FROM sluice_webhooks WHERE tenant = $1 AND id = $2`;

/** The id of what signs the callbacks of a tenant's requests. */
export function callbackSignerId(tenant: string): string {
  return stableId("wh", "callbacks", tenant);
}

/** Every look-up is by tenant and id: another tenant's endpoint is none. */
export class PostgresEndpoints {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** @returns undefined where the tenant has `endpoints_max`; of several made at the same moment a few more may pass. */
  create({ id, tenant, url, events, description, created_ms }: NewEndpoint, endpoints_max: number) {
    return this.#one(CREATE, [id, tenant, url, events, description, created_ms, endpoints_max]);
  }

  find(tenant: string, id: string): Promise<Endpoint | undefined> {
    return this.#one(FIND, [tenant, id]);
  }

  /** The newest first. */
  list(tenant: string, { limit, after }: Page): Promise<Endpoint[]> {
    return this.#all(LIST, [tenant, limit, after ?? null]);
  }

  change(tenant: string, id: string, change: EndpointChange, now_ms: number): Promise<Endpoint | undefined> {
    const { url, events, description, enabled } = change;
    const host = url === undefined ? null : new URL(url).hostname;
    const described = description !== undefined;
    return this.#one(CHANGE, [
      ...[tenant, id, url ?? null, events ?? null, described, description ?? null, enabled ?? null],
      ...[now_ms, host],
    ]);
  }

  async remove(tenant: string, id: string, now_ms: number): Promise<boolean> {
    const { rows } = await withPostgres(() => this.#pool.query(REMOVE, [tenant, id, now_ms]));
    return rows.length > 0;
  }

  /** A new secret; the one before stays good until `old_until_ms`. Also for the signer of callbacks. */
  rotate(tenant: string, id: string, now_ms: number, old_until_ms: number): Promise<Endpoint | undefined> {
    return this.#one(ROTATE, [tenant, id, now_ms, old_until_ms]);
  }

  /** Made on first use. */
  async callbackSigner(tenant: string, now_ms: number): Promise<Endpoint> {
    await this.addCallbackSigners([tenant], now_ms);
    return (await this.#one(ANY_OF, [tenant, callbackSignerId(tenant)])) as Endpoint;
  }

  async addCallbackSigners(tenants: readonly string[], now_ms: number): Promise<void> {
    const values = [tenants.map(callbackSignerId), tenants, now_ms];
    await withPostgres(() => this.#pool.query(ADD_SIGNERS, values));
  }

  async #all(statement: string, values: unknown[]): Promise<Endpoint[]> {
    const { rows } = await withPostgres(() => this.#pool.query<Endpoint>(statement, values));
    return rows;
  }

  async #one(statement: string, values: unknown[]): Promise<Endpoint | undefined> {
    return (await this.#all(statement, values))[0];
  }
}
