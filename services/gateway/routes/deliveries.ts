/** What was told to whom, with each attempt, and telling it again. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../../libs/shared/clock.ts";
import { callbackSignerId, type PostgresEndpoints } from "../../../libs/shared/webhooks/endpoints.ts";
import type { KeyRing } from "../keys.ts";
import { listOf, listSchema } from "../lists.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import { failure, send } from "../sending.ts";
import type { PostgresDeliveryViews } from "../webhooks/deliveries.ts";
import { deliveriesQuery, deliveryObject, deliveryOf } from "../webhooks/shapes.ts";
import { checked, idOf, sendNoSuch } from "./webhooks.ts";

export type DeliveryRoutesDeps = {
  readonly keys: KeyRing;
  readonly endpoints: Pick<PostgresEndpoints, "find">;
  readonly deliveries: Pick<PostgresDeliveryViews, "list" | "redeliver">;
  readonly clock: Clock;
};

type One = { Params: { id: string } };
type Call = FastifyRequest<One>;
const TAG = "Webhooks";

export function deliveryRoutes(deps: DeliveryRoutesDeps): Routes {
  const listing = {
    query: deliveriesQuery,
    replies: { 200: { what: "The newest first", json: listSchema(deliveryObject) } },
  };
  const doc = (summary: string) => documented({ summary, tag: TAG, scope: "read", ...listing });
  const again = documented({
    ...{ summary: "Deliver again", tag: TAG, scope: "submit" },
    replies: { 202: { what: "It is on its way again, under the same event id", json: deliveryObject } },
  });
  return (app) => {
    app.get("/v1/deliveries", doc("List deliveries"), (http, reply) => list(deps, http, reply));
    app.get<One>("/v1/webhooks/:id/deliveries", doc("List a webhook's deliveries"), (http, reply) =>
      listOfWebhook(deps, http, reply),
    );
    app.post<One>("/v1/deliveries/:id/redeliver", again, (http, reply) => redeliver(deps, http, reply));
  };
}

/** @param webhook of which alone; left out: all of the tenant's. */
async function list(
  { keys, deliveries }: DeliveryRoutesDeps,
  http: FastifyRequest,
  reply: FastifyReply,
  webhook?: string,
): Promise<FastifyReply> {
  const caller = callerOf(keys, http, "read", reply);
  const query = caller && checked(deliveriesQuery, http.query, reply);
  if (caller === undefined || query === undefined) return reply;
  const found = await deliveries.list(caller.tenant, { ...query, webhook, limit: query.limit + 1 });
  const signer = callbackSignerId(caller.tenant);
  return reply.send(
    listOf(
      found.map((row) => deliveryOf(row, signer)),
      query.limit,
    ),
  );
}

async function listOfWebhook(deps: DeliveryRoutesDeps, http: Call, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "read", reply);
  if (caller === undefined) return reply;
  const id = idOf(http);
  if (id === undefined || (await deps.endpoints.find(caller.tenant, id)) === undefined) return sendNoSuch(reply);
  return list(deps, http, reply, id);
}

async function redeliver(deps: DeliveryRoutesDeps, http: Call, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const id = idOf(http);
  if (id === undefined) return sendNoSuch(reply, "delivery");
  const outcome = await deps.deliveries.redeliver(caller.tenant, id, deps.clock.now_ms());
  if (outcome.kind === "unknown") return sendNoSuch(reply, "delivery");
  if (outcome.kind === "disabled") {
    const message = "its webhook is disabled or gone; enable it first, with enabled: true";
    return send(reply, errorReply(400, failure("webhook_disabled", "invalid_request_error", message)));
  }
  return reply.code(202).send(deliveryOf(outcome.delivery, callbackSignerId(caller.tenant)));
}
