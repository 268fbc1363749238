/** Wires the deliveries of webhooks. Without SLUICE_SECRET_KEY there are none: nothing could be signed. */
import { randomUUID } from "node:crypto";
import { Counter } from "prom-client";
import { systemClock } from "../../../libs/shared/clock.ts";
import type { Pool } from "../../../libs/shared/postgres/client.ts";
import { findResult, findTraceparent } from "../../../libs/shared/postgres/results.ts";
import type { ServiceContext } from "../../../libs/shared/service.ts";
import type { WebhookOutbox } from "../../../libs/shared/webhooks/event.ts";
import { createGuardedClient } from "../../../libs/shared/webhooks/guarded-client.ts";
import { PostgresOutbox } from "../../../libs/shared/webhooks/outbox.ts";
import { urlRulesOf } from "../../../libs/shared/webhooks/url-rules.ts";
import { WebhookDeliverer } from "./deliverer.ts";
import { PostgresDeliveries } from "./store.ts";

export type Webhooks = { readonly outbox: WebhookOutbox; stop(): Promise<void> };

const NOBODY: Webhooks = { outbox: { add: async () => undefined }, stop: async () => undefined };

export function startWebhooks({ settings, environment, metrics, log, tracing }: ServiceContext, pool: Pool): Webhooks {
  const { secret_key } = environment;
  if (secret_key === undefined) {
    log.warn({}, "SLUICE_SECRET_KEY is not set: no webhook and no callback is sent");
    return NOBODY;
  }
  const { webhooks } = settings;
  const attempts = new Counter({
    name: "sluice_webhook_attempts_total",
    help: "Attempts to tell a webhook, by how they ended",
    labelNames: ["outcome"],
    registers: [metrics],
  });
  const client = createGuardedClient({
    rules: urlRulesOf(webhooks),
    timeout_ms: webhooks.timeout_ms,
    host_connections_max: webhooks.host_in_flight_max,
  });
  const deliverer = new WebhookDeliverer({
    store: new PostgresDeliveries(pool),
    post: client.post,
    findResult: async (tenant, id) => (await findResult(pool, tenant, id))?.result,
    settings: webhooks,
    secret_key,
    clock: systemClock,
    random: Math.random,
    leaseName: randomUUID,
    log,
    ...(tracing === undefined
      ? {}
      : { traces: { tracing, findTraceparent: (tenant, id) => findTraceparent(pool, tenant, id) } }),
    count: (outcome) => attempts.inc({ outcome }),
  });
  deliverer.start();
  return {
    outbox: new PostgresOutbox(pool, systemClock),
    async stop() {
      await deliverer.stop();
      await client.close();
    },
  };
}
