/** The native way: a request is taken, looked at, cancelled, reported and appealed against. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { requestSchema } from "../../../libs/shared/events/request.ts";
import type { CallbackCheck } from "../../../libs/shared/webhooks/url-rules.ts";
import { Appealing, type AppealingDeps } from "../appealing.ts";
import { cancelRequest } from "../cancelling.ts";
import { report } from "../reporting.ts";
import { byKey, produce, type RequestDeps, readView } from "../requests.ts";
import { callerOf, documented, type Routes, senderOf, traceOf } from "../route.ts";
import { placesOf, REPLAYED, sendProblem, sendReused, sendUnknown, sendView } from "../sending.ts";
import { shapeRequest } from "../submit.ts";

export type RequestRoutesDeps = RequestDeps &
  Pick<AppealingDeps, "appealOf"> & {
    /** Ingest asks it too; said here, it is said at once. Left out: any callback may be named. */
    readonly callbackProblem?: CallbackCheck;
  };

/** A call about one request. */
type OneRequest = FastifyRequest<{ Params: { id: string } }>;
type One = { Params: { id: string } };

const TAG = "Requests";

export function requestRoutes(deps: RequestRoutesDeps): Routes {
  const appealing = new Appealing();
  const doc = (summary: string, scope: "submit" | "read", status: 200 | 202, what: string) =>
    documented({ summary, tag: TAG, scope, replies: { [status]: { what } } });
  return (app) => {
    const taking = { summary: "Take a request", tag: TAG, scope: "submit", body: requestSchema } as const;
    app.post("/v1/requests", documented({ ...taking, replies: { 202: { what: "It is taken" } } }), (request, reply) =>
      submit(deps, request, reply),
    );
    app.get<One>("/v1/requests/:id", doc("What became of a request", "read", 200, "Its state"), (request, reply) =>
      look(deps, request, reply),
    );
    app.post<One>(
      "/v1/requests/:id/cancel",
      doc("Cancel a request", "submit", 202, "All services are told"),
      (request, reply) => cancel(deps, request, reply),
    );
    app.post<One>(
      "/v1/requests/:id/report",
      doc("Report a wrong answer of the cache", "submit", 202, "The answer goes"),
      (request, reply) => wrong(deps, request, reply),
    );
    app.post<One>(
      "/v1/requests/:id/appeal",
      doc("Ask a stronger tier", "submit", 202, "It is asked"),
      (request, reply) => {
        const caller = callerOf(deps.keys, request, "submit", reply);
        if (caller === undefined) return reply;
        const view = (id: string) => readView(deps, caller.tenant, id);
        return appealing.appeal({ ...deps, view }, caller, request.params.id, traceOf(request), reply);
      },
    );
  };
}

/** The native way: 202 at once, then poll. */
async function submit(deps: RequestRoutesDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const { tenant, key_id } = caller;
  const shaped = shapeRequest(http.body, senderOf(http, caller));
  if (!shaped.ok) return sendProblem(reply, shaped.problem);
  const { callback } = shaped.request;
  const problem = callback === undefined ? undefined : deps.callbackProblem?.(callback.url);
  if (problem !== undefined) {
    return sendProblem(reply, { param: "callback.url", message: problem });
  }
  const has_own_id = (http.body as { id?: unknown }).id !== undefined;
  const found = await byKey(deps, shaped.request, has_own_id);
  if (found.kind === "reused") return sendReused(reply, found.first_id);
  const id = found.request.id as string;
  if (found.kind === "done") return sendView(reply.header(...REPLAYED), 200, id, found.view);
  await produce(deps, found, { reply_to: undefined, key_id, followed: true, trace: traceOf(http) });
  // Only a view: if Redis is away now, ingest and results will still make it.
  await deps.views.queued(tenant, id, deps.clock.now_ms()).catch(() => undefined);
  const status = (found.kind === "in_flight" ? found.view?.status : undefined) ?? "queued";
  const body = { id, object: "request", status, ...placesOf(id) };
  return reply.code(202).header("x-sluice-id", id).header("location", body.url).send(body);
}

async function look(deps: RequestDeps, http: OneRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "read", reply);
  if (caller === undefined) return reply;
  const { id } = http.params;
  const view = await readView(deps, caller.tenant, id);
  return view === undefined ? sendUnknown(reply) : sendView(reply, 200, id, view);
}

async function cancel(deps: RequestDeps, http: OneRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  return caller === undefined ? reply : cancelRequest(deps, { ...caller, id: http.params.id }, reply);
}

async function wrong(deps: RequestDeps, http: OneRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const { id } = http.params;
  return report(deps, caller, id, http.body, await readView(deps, caller.tenant, id), reply);
}
