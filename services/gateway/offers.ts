/** Wires what the gateway offers beside chat, embeddings and requests: events, lists, usage, models, files, jobs and webhooks. */
import { randomUUID } from "node:crypto";
import type { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { openExplainer } from "../../libs/shared/explain/open.ts";
import { PostgresFiles } from "../../libs/shared/files/postgres-files.ts";
import type { FileStorage } from "../../libs/shared/files/storage.ts";
import { PostgresJobStore } from "../../libs/shared/jobs/postgres-store.ts";
import type { Pool } from "../../libs/shared/postgres/client.ts";
import type { RedisClient } from "../../libs/shared/redis/client.ts";
import type { RedisJobViews } from "../../libs/shared/redis/job-views.ts";
import { OpenRequests } from "../../libs/shared/redis/open-requests.ts";
import type { ServiceContext } from "../../libs/shared/service.ts";
import { PostgresEndpoints } from "../../libs/shared/webhooks/endpoints.ts";
import { createGuardedClient } from "../../libs/shared/webhooks/guarded-client.ts";
import { urlRulesOf } from "../../libs/shared/webhooks/url-rules.ts";
import { adminActs } from "./admin/acts.ts";
import { adminLooks } from "./admin/looks.ts";
import { consoleFiles } from "./console/bundle.ts";
import { consoleRoutes } from "./console/routes.ts";
import { jobProgress } from "./job-progress.ts";
import type { RequestDeps } from "./requests.ts";
import { listRows, placeOf } from "./result-rows.ts";
import type { Routes } from "./route.ts";
import { batchRoutes } from "./routes/batches.ts";
import { deliveryRoutes } from "./routes/deliveries.ts";
import { eventRoutes, followedView } from "./routes/events.ts";
import { explainRoutes } from "./routes/explain.ts";
import { fileRoutes } from "./routes/files.ts";
import { listRoutes } from "./routes/list.ts";
import { mapReduceRoutes } from "./routes/map-reduce.ts";
import { modelRoutes } from "./routes/models.ts";
import { usageRoutes } from "./routes/usage.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import type { StreamReader, Wakes } from "./streams/contract.ts";
import { sendEvents } from "./streams/events.ts";
import type { EventStreams } from "./streams/sse.ts";
import { readUsage } from "./usage-rows.ts";
import { PostgresDeliveryViews } from "./webhooks/deliveries.ts";

export type OffersInput = {
  readonly requests: RequestDeps & { readonly views: RedisJobViews };
  readonly redis: RedisClient;
  readonly pool: Pool;
  readonly storage: FileStorage;
  readonly book: TenantBook;
  readonly wakes: Wakes;
  readonly reader: StreamReader;
  readonly events: EventStreams;
};

export function createOffers(
  context: ServiceContext,
  { requests, redis, pool, storage, book, wakes, reader, events: streams }: OffersInput,
): { readonly routes: readonly Routes[]; stop(): Promise<void> } {
  const { settings, environment, log } = context;
  const { keys } = requests;
  const admin = adminActs(context, keys, pool);
  const clock = systemClock;
  const jobs = new PostgresJobStore(pool);
  const { names, codec, kafka } = context;
  const tenant = (name: string) => book.record(name);
  const explainer = openExplainer({ settings, names, codec, kafka, redis, pool, tenant });
  const files = new PostgresFiles({ pool, storage, settings: settings.files, clock });
  const following = { settings: settings.gateway.streams, clock, log, wakes, reader, streams };
  const events = sendEvents({ ...following, view: followedView(requests), job: jobProgress(jobs, clock) });
  const { webhooks } = settings;
  const endpoints = new PostgresEndpoints(pool);
  const client = createGuardedClient({
    rules: urlRulesOf(webhooks),
    timeout_ms: webhooks.timeout_ms,
    host_connections_max: webhooks.host_in_flight_max,
  });
  const listing = {
    open: new OpenRequests(redis, requests.views),
    rows: (...of: Parameters<typeof listRows> extends [unknown, ...infer Rest] ? Rest : never) => listRows(pool, ...of),
    place: (tenant: string, id: string) => placeOf(pool, tenant, id),
  };
  return {
    routes: [
      eventRoutes({ keys, events }),
      listRoutes({ keys, ...listing }),
      explainRoutes({ keys, explain: explainer.explain }),
      usageRoutes({ keys, clock, readUsage: (tenant, ask) => readUsage(pool, tenant, ask) }),
      modelRoutes({ keys, settings, tenants: book }),
      fileRoutes({ keys, files, settings: settings.files, clock }),
      batchRoutes({ keys, jobs, files, events, clock }),
      mapReduceRoutes({ keys, jobs, files, events, settings: settings.jobs, tiers: settings.tiers, clock }),
      webhookRoutes({
        keys,
        endpoints,
        secret_key: environment.secret_key,
        post: client.post,
        settings: webhooks,
        clock,
        random: randomUUID,
      }),
      deliveryRoutes({ keys, endpoints, deliveries: new PostgresDeliveryViews(pool), clock }),
      ...admin.routes,
      ...adminLooks(context, { requests, listing, events, redis, pool, book }),
      consoleRoutes({ files: consoleFiles() }),
    ],
    async stop() {
      await Promise.all([admin.stop(), client.close(), explainer.close()]);
    },
  };
}
