/** What was told to whom, of all tenants, and telling it again. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { tenantField } from "../../../libs/shared/events/fields.ts";
import { callbackSignerId } from "../../../libs/shared/webhooks/endpoints.ts";
import { listOf, listSchema } from "../lists.ts";
import { errorReply } from "../replies.ts";
import type { Routes } from "../route.ts";
import { idOf, sendNoSuch } from "../routes/webhooks.ts";
import { failure, send } from "../sending.ts";
import type { PostgresDeliveryViews } from "../webhooks/deliveries.ts";
import { deliveriesQuery, deliveryObject, deliveryOf } from "../webhooks/shapes.ts";
import { type AdminDeps, adminDoc, adminOf, askedOf, noteAct } from "./acting.ts";
import { type AnyDeliveryRow, listDeliveries, tenantOfDelivery } from "./delivery-rows.ts";
import type { Reads } from "./reads.ts";

export type AdminDeliveryDeps = AdminDeps & {
  readonly reads: Reads;
  readonly deliveries: Pick<PostgresDeliveryViews, "redeliver">;
};

type One = FastifyRequest<{ Params: { id: string } }>;

const query = deliveriesQuery.extend({ tenant: tenantField.optional() });
const schema = deliveryObject.extend({ tenant: z.string() });

export function adminDeliveryRoutes(deps: AdminDeliveryDeps): Routes {
  const listing = {
    query,
    replies: { 200: { what: "What waits first, then what ended last", json: listSchema(schema) } },
  };
  const again = { replies: { 202: { what: "It is on its way again", json: schema }, 404: { what: "There is none" } } };
  return (app) => {
    app.get("/admin/deliveries", adminDoc("List deliveries of all tenants", listing), (http, reply) =>
      list(deps, http, reply),
    );
    app.post<{ Params: { id: string } }>(
      "/admin/deliveries/:id/redeliver",
      adminDoc("Deliver again, for any tenant", again),
      (http, reply) => redeliver(deps, http, reply),
    );
  };
}

function shown(row: AnyDeliveryRow): z.infer<typeof schema> {
  return { ...deliveryOf(row, callbackSignerId(row.tenant)), tenant: row.tenant };
}

async function list(deps: AdminDeliveryDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const call = askedOf(deps, query, "query", http, reply);
  if (call === undefined) return reply;
  const { limit, ...filter } = call.asked;
  const found = await listDeliveries(deps.reads, { ...filter, limit: limit + 1 });
  return reply.send(listOf(found.map(shown), limit));
}

async function redeliver(deps: AdminDeliveryDeps, http: One, reply: FastifyReply): Promise<FastifyReply> {
  const caller = adminOf(deps, http, reply);
  if (caller === undefined) return reply;
  const id = idOf(http);
  const tenant = id === undefined ? undefined : await tenantOfDelivery(deps.reads, id);
  if (id === undefined || tenant === undefined) return sendNoSuch(reply, "delivery");
  const outcome = await deps.deliveries.redeliver(tenant, id, deps.clock.now_ms());
  if (outcome.kind === "unknown") return sendNoSuch(reply, "delivery");
  if (outcome.kind === "disabled") {
    const message = "its webhook is disabled or gone; its tenant must enable it first";
    return send(reply, errorReply(400, failure("webhook_disabled", "invalid_request_error", message)));
  }
  noteAct(deps, caller, "deliver_again", { delivery: id, tenant });
  return reply.code(202).send(shown({ ...outcome.delivery, tenant }));
}
