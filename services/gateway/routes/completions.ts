/** OpenAI's endpoints for chat completions and embeddings: the caller waits for the result. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { decodeRateRoom } from "../../../libs/shared/events/rate-room.ts";
import { chatBody, embeddingsBody } from "../../../libs/shared/events/request.ts";
import type { Keyed } from "../idempotency.ts";
import type { Caller } from "../keys.ts";
import { errorReply, replyOf } from "../replies.ts";
import { byKey, produce, type RequestDeps } from "../requests.ts";
import { callerOf, documented, type Routes, senderOf, traceOf } from "../route.ts";
import { failure, REPLAYED, RETRY_AFTER, send, sendProblem, sendReused, sendUnavailable } from "../sending.ts";
import { shapeBody } from "../submit.ts";

const REPLIES = { 200: { what: "As OpenAI answers" } };

export function completionRoutes(deps: RequestDeps): Routes {
  return (app) => {
    app.post(
      "/v1/chat/completions",
      documented({ summary: "Ask a model", tag: "Chat", scope: "submit", body: chatBody, replies: REPLIES }),
      (request, reply) => complete(deps, "chat", request, reply),
    );
    app.post(
      "/v1/embeddings",
      documented({
        summary: "Embed texts",
        tag: "Embeddings",
        scope: "submit",
        body: embeddingsBody,
        replies: REPLIES,
      }),
      (request, reply) => complete(deps, "embeddings", request, reply),
    );
  };
}

async function complete(
  deps: RequestDeps,
  kind: "chat" | "embeddings",
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  if ((http.body as { stream?: unknown } | null)?.stream === true) {
    const message = "stream: streaming is not offered yet; leave it out or set it to false";
    return send(
      reply,
      errorReply(400, { ...failure("invalid_request", "invalid_request_error", message), param: "stream" }),
    );
  }
  const shaped = shapeBody(kind, http.body, senderOf(http, caller));
  if (!shaped.ok) return sendProblem(reply, shaped);
  if (deps.waiting.count >= deps.settings.waiting_max) {
    const error = failure("overloaded", "api_error", "too many callers wait for their results here; try again soon");
    return send(reply, errorReply(503, error, RETRY_AFTER));
  }
  // Nothing is admitted and no result gets here without it: said at once, where the wait could only run out.
  if (!deps.redisReady()) return sendUnavailable(reply);
  const found = await byKey(deps, shaped.request, false);
  if (found.kind === "reused") return sendReused(reply, found.first_id);
  if (found.kind === "done") {
    return send(reply.header(...REPLAYED), replyOf(JSON.parse(found.view.result as string) as Result));
  }
  return produceAndWait(deps, found, caller, http, reply);
}

async function produceAndWait(
  deps: RequestDeps,
  found: Extract<Keyed, { kind: "first" | "in_flight" }>,
  { tenant, key_id }: Caller,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const id = found.request.id as string;
  const envelope = { reply_to: deps.instance, key_id, trace: traceOf(http) };
  if (found.kind === "in_flight" && deps.settings.idempotent_in_flight === "conflict") {
    await produce(deps, found, envelope);
    const message = `the request with this idempotency key is under way; its result will be at /v1/requests/${id}`;
    const error = failure("idempotency_in_flight", "invalid_request_error", message);
    return send(reply, errorReply(409, error, { ...RETRY_AFTER, "x-sluice-id": id }));
  }
  const lookUp = async () => (await deps.views.read(tenant, id))?.result;
  const wait = deps.waiting.wait(tenant, id, deps.settings.wait_ms_max, lookUp);
  try {
    await produce(deps, found, envelope);
  } catch (error) {
    wait.cancel();
    throw error;
  }
  const told = await wait.told;
  if (told !== undefined) {
    return send(reply, replyOf(JSON.parse(told.result) as Result, decodeRateRoom(told.rate_room)));
  }
  const message = `the result is not there yet; ask for it at /v1/requests/${id}`;
  return send(reply, errorReply(504, failure("result_pending", "timeout_error", message), { "x-sluice-id": id }));
}
