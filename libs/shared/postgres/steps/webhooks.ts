/** Who is told of events, and each telling with its attempts. Secrets are derived (`webhooks/secrets.ts`), so none is kept. */
export const WEBHOOKS_STEP = `
CREATE TABLE sluice_webhooks (
  id text PRIMARY KEY,
  tenant text NOT NULL,
  -- Without a URL: what signs the callbacks of the tenant's requests.
  url text,
  -- Event types; '*' for all.
  events text[] NOT NULL,
  description text,
  status text NOT NULL,
  disabled_why text,
  secret_version integer NOT NULL DEFAULT 1,
  -- The version before is good until then.
  old_secret_until timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL
);
CREATE INDEX sluice_webhooks_by_tenant ON sluice_webhooks (tenant, created_at DESC, id DESC);
-- One row for each event and webhook.
CREATE TABLE sluice_deliveries (
  id text PRIMARY KEY,
  -- The event's id is the webhook-id that the receiver sees.
  event_id text NOT NULL,
  tenant text NOT NULL,
  webhook text NOT NULL,
  url text NOT NULL,
  -- Of the URL: calls to one host are bounded.
  host text NOT NULL,
  type text NOT NULL,
  -- The request, batch or map-reduce that it is about.
  subject text NOT NULL,
  occurred_at timestamptz NOT NULL,
  -- pending, delivered, failed; dropped: its webhook was disabled or removed first.
  status text NOT NULL,
  -- Ever, and since the schedule began: a redelivery begins it anew.
  attempts integer NOT NULL DEFAULT 0,
  tries integer NOT NULL DEFAULT 0,
  began_at timestamptz NOT NULL,
  -- While somebody is at it: when another may take it for dead.
  next_at timestamptz NOT NULL,
  lease text,
  ended_at timestamptz,
  last_status integer,
  last_error text
);
CREATE INDEX sluice_deliveries_due ON sluice_deliveries (next_at) WHERE status = 'pending';
CREATE INDEX sluice_deliveries_ended ON sluice_deliveries (ended_at) WHERE status <> 'pending';
CREATE INDEX sluice_deliveries_by_webhook ON sluice_deliveries (webhook, occurred_at DESC, id DESC);
CREATE INDEX sluice_deliveries_by_time ON sluice_deliveries (tenant, occurred_at DESC, id DESC);
CREATE INDEX sluice_deliveries_by_subject ON sluice_deliveries (tenant, subject);
CREATE TABLE sluice_delivery_attempts (
  delivery text NOT NULL REFERENCES sluice_deliveries (id) ON DELETE CASCADE,
  attempt integer NOT NULL,
  at timestamptz NOT NULL,
  duration_ms integer NOT NULL,
  status integer,
  error text,
  PRIMARY KEY (delivery, attempt)
);`;
