/** A request's whole way: hops, waits, decisions, calls, money and who was told. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { ID_PATTERN, tenantField } from "../../../libs/shared/events/fields.ts";
import { type Explanation, explanationSchema } from "../../../libs/shared/explain/explanation.ts";
import type { KeyRing } from "../keys.ts";
import { errorReply } from "../replies.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import { failure, RETRY_AFTER, send, sendBadQuery, sendUnknown } from "../sending.ts";

export type ExplainRoutesDeps = {
  readonly keys: KeyRing;
  /** Undefined for an id that the tenant does not have. */
  readonly explain: (tenant: string, id: string) => Promise<Explanation | undefined>;
};

type One = { Params: { id: string } };

const querySchema = z.strictObject({
  tenant: tenantField.optional().describe("Whose request it is; any but the key's own is for administrators"),
});

/** Each looks at stretches of topics: more at once would be felt by others. */
const AT_ONCE_MAX = 4;

export function explainRoutes(deps: ExplainRoutesDeps): Routes {
  const doc = documented({
    summary: "The whole way of a request, as a timeline",
    tag: "Requests",
    scope: "read",
    query: querySchema,
    replies: { 200: { what: "What is known of it", json: explanationSchema }, 404: { what: "There is none" } },
  });
  let under_way = 0;
  return (app) => {
    app.get<One>("/v1/requests/:id/explain", doc, async (http, reply) => {
      const asked = askedOf(deps, http, reply);
      if (asked === undefined) return reply;
      if (under_way >= AT_ONCE_MAX) return sendBusy(reply);
      under_way += 1;
      try {
        const explanation = await deps.explain(asked.tenant, asked.id);
        if (explanation === undefined) return sendUnknown(reply);
        return reply.header("x-sluice-id", asked.id).send(explanation);
      } finally {
        under_way -= 1;
      }
    });
  };
}

/** Undefined when a refusal was sent. */
function askedOf({ keys }: ExplainRoutesDeps, http: FastifyRequest<One>, reply: FastifyReply) {
  const caller = callerOf(keys, http, "any", reply);
  if (caller === undefined) return undefined;
  const { id } = http.params;
  const query = querySchema.safeParse(http.query);
  const needed = query.success && (query.data.tenant ?? caller.tenant) !== caller.tenant ? "admin" : "read";
  if (callerOf(keys, http, needed, reply) === undefined) return undefined;
  if (!ID_PATTERN.test(id) || !query.success) {
    if (query.success) sendUnknown(reply);
    else sendBadQuery(reply, query.error);
    return undefined;
  }
  return { tenant: query.data.tenant ?? caller.tenant, id };
}

function sendBusy(reply: FastifyReply): FastifyReply {
  const error = failure("overloaded", "api_error", "too many requests are being explained here; try again soon");
  return send(reply, errorReply(503, error, RETRY_AFTER));
}
