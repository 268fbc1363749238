/**
 * Writes down what is to be told to whom. A delivery's id is made of its event and its webhook, so that doing it again adds nothing.
 *
 * Of requests, which endpoints a tenant has is looked up at most every few seconds, for all tenants of a call in one statement: where nobody
 * listens, a result costs nothing. Of batches and map-reduces, which are few, it is looked up each time.
 */
import { LRUCache } from "lru-cache";
import type { Clock } from "../clock.ts";
import { isInternalTenant } from "../events/shadow.ts";
import { type Pool, withPostgres } from "../postgres/client.ts";
import { callbackSignerId, PostgresEndpoints } from "./endpoints.ts";
import type { WebhookEvent, WebhookOutbox } from "./event.ts";
import { eventId, stableId } from "./event-body.ts";

/** A new endpoint is told of what happens from then on, a changed one as well. */
const FRESH_MS = 2_000;
const TENANTS_MAX = 10_000;

type Listener = { readonly id: string; readonly url: string; readonly events: readonly string[] };
type Known = { readonly at_ms: number; readonly listeners: readonly Listener[] };

/** A row to be. */
type Delivery = {
  readonly id: string;
  readonly event_id: string;
  readonly webhook: string;
  readonly url: string;
  readonly host: string;
  readonly event: WebhookEvent;
};

const LISTENERS = `SELECT tenant, id, url, events FROM sluice_webhooks
WHERE tenant = ANY($1::text[]) AND status = 'enabled' AND url IS NOT NULL`;

const ADD = `INSERT INTO sluice_deliveries (id, event_id, tenant, webhook, url, host, type, subject, occurred_at, status, began_at, next_at)
SELECT id, event_id, tenant, webhook, url, host, type, subject, to_timestamp(at / 1000.0), 'pending', to_timestamp($10 / 1000.0),
  to_timestamp($10 / 1000.0)
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::float8[])
  AS one (id, event_id, tenant, webhook, url, host, type, subject, at)
ON CONFLICT (id) DO NOTHING`;

export class PostgresOutbox implements WebhookOutbox {
  readonly #pool: Pool;
  readonly #clock: Clock;
  readonly #known = new LRUCache<string, Known>({ max: TENANTS_MAX });
  /** Tenants whose signer of callbacks is there. */
  readonly #signers = new LRUCache<string, true>({ max: TENANTS_MAX });

  constructor(pool: Pool, clock: Clock) {
    this.#pool = pool;
    this.#clock = clock;
  }

  /** Rejects with a retryable error while Postgres is away. */
  async add(events: readonly WebhookEvent[]): Promise<void> {
    const ours = events.filter(({ tenant }) => !isInternalTenant(tenant));
    if (ours.length === 0) return;
    const listeners = await this.#listeners(ours);
    const deliveries = ours.flatMap((event) => deliveriesOf(event, listeners.get(event.tenant) ?? []));
    if (deliveries.length === 0) return;
    await this.#addSigners(ours);
    await withPostgres(() => this.#pool.query({ name: "deliver", text: ADD, values: this.#columns(deliveries) }));
  }

  async #listeners(events: readonly WebhookEvent[]): Promise<ReadonlyMap<string, readonly Listener[]>> {
    const now_ms = this.#clock.now_ms();
    const found = new Map<string, Listener[]>();
    const missing: string[] = [];
    const of_jobs = new Set(events.filter(({ type }) => !type.startsWith("request.")).map(({ tenant }) => tenant));
    for (const tenant of new Set(events.map((event) => event.tenant))) {
      const known = of_jobs.has(tenant) ? undefined : this.#known.get(tenant);
      if (known !== undefined && now_ms - known.at_ms < FRESH_MS) found.set(tenant, [...known.listeners]);
      else missing.push(tenant);
    }
    if (missing.length === 0) return found;
    const { rows } = await withPostgres(() =>
      this.#pool.query<Listener & { tenant: string }>({ name: "listeners", text: LISTENERS, values: [missing] }),
    );
    for (const tenant of missing) {
      const listeners = rows.filter((row) => row.tenant === tenant);
      this.#known.set(tenant, { at_ms: now_ms, listeners });
      found.set(tenant, listeners);
    }
    return found;
  }

  async #addSigners(events: readonly WebhookEvent[]): Promise<void> {
    const calling = events.filter(({ callback_url }) => callback_url !== undefined).map(({ tenant }) => tenant);
    const missing = [...new Set(calling)].filter((tenant) => !this.#signers.has(tenant));
    if (missing.length === 0) return;
    await new PostgresEndpoints(this.#pool).addCallbackSigners(missing, this.#clock.now_ms());
    for (const tenant of missing) this.#signers.set(tenant, true);
  }

  #columns(deliveries: readonly Delivery[]): unknown[] {
    const of = (pick: (delivery: Delivery) => unknown): unknown[] => deliveries.map(pick);
    return [
      of(({ id }) => id),
      of(({ event_id }) => event_id),
      of(({ event }) => event.tenant),
      of(({ webhook }) => webhook),
      of(({ url }) => url),
      of(({ host }) => host),
      of(({ event }) => event.type),
      of(({ event }) => event.subject),
      of(({ event }) => event.at_ms),
      this.#clock.now_ms(),
    ];
  }
}

/** One for each endpoint that wants the event, and one for the request's own callback. */
function deliveriesOf(event: WebhookEvent, listeners: readonly Listener[]): Delivery[] {
  const event_id = eventId(event);
  const to = (webhook: string, url: string): Delivery => ({
    id: stableId("dlv", event_id, webhook),
    ...{ event_id, webhook, url, event },
    // What cannot be read is refused when its turn comes.
    host: URL.parse(url)?.hostname ?? "",
  });
  const wanted = listeners.filter(({ events }) => events.includes("*") || events.includes(event.type));
  const { callback_url, tenant } = event;
  const called = callback_url === undefined ? [] : [to(callbackSignerId(tenant), callback_url)];
  return [...wanted.map(({ id, url }) => to(id, url)), ...called];
}
