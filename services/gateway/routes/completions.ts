/** OpenAI's endpoints for chat completions and embeddings: the caller waits for the result, or reads it as it is made. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { decodeRateRoom } from "../../../libs/shared/events/rate-room.ts";
import { chatBody, embeddingsBody } from "../../../libs/shared/events/request.ts";
import type { Keyed } from "../idempotency.ts";
import type { Caller } from "../keys.ts";
import { attend, ON_DISCONNECT_HEADER, onDisconnect, WaitingCompany } from "../leaving.ts";
import { errorReply, replyOf } from "../replies.ts";
import { byKey, produce } from "../requests.ts";
import { callerOf, documented, type Routes, senderOf, traceOf } from "../route.ts";
import { failure, REPLAYED, RETRY_AFTER, send, sendProblem, sendReused, sendUnavailable } from "../sending.ts";
import { ChatSending, type ChatStreamDeps } from "../streams/chat-sending.ts";
import { shapeBody } from "../submit.ts";

type Deps = ChatStreamDeps & { readonly company: WaitingCompany };

const usage = z.looseObject({ prompt_tokens: z.int(), total_tokens: z.int() });
const chatCompletion = z.looseObject({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.looseObject({
      index: z.int(),
      message: z.looseObject({ role: z.string() }),
      finish_reason: z.string().nullable(),
    }),
  ),
  usage: usage.optional(),
});
const embeddingList = z.looseObject({
  object: z.literal("list"),
  data: z.array(z.looseObject({ index: z.int(), embedding: z.union([z.array(z.number()), z.string()]) })),
  usage: usage.optional(),
});
const headers = z.object({
  "idempotency-key": z
    .string()
    .max(256)
    .optional()
    .describe("Calls with the same key and content are one request, and have one answer."),
  [ON_DISCONNECT_HEADER]: z
    .enum(["cancel", "finish"])
    .optional()
    .describe("What becomes of the request when its caller goes away before the answer is there."),
});

export function completionRoutes(of: ChatStreamDeps): Routes {
  const deps: Deps = { ...of, company: new WaitingCompany() };
  const chat = documented({
    ...{ summary: "Ask a model", tag: "Chat", scope: "submit", headers, body: chatBody },
    replies: {
      200: {
        what: "The answer, as OpenAI gives it; with `stream: true` its chunks as server-sent events (text/event-stream)",
        json: chatCompletion,
      },
    },
  });
  const embeddings = documented({
    ...{ summary: "Embed texts", tag: "Embeddings", scope: "submit", headers, body: embeddingsBody },
    replies: { 200: { what: "The vectors, as OpenAI gives them", json: embeddingList } },
  });
  return (app) => {
    app.post("/v1/chat/completions", chat, (request, reply) => complete(deps, "chat", request, reply));
    app.post("/v1/embeddings", embeddings, (request, reply) => complete(deps, "embeddings", request, reply));
  };
}

async function complete(
  deps: Deps,
  kind: "chat" | "embeddings",
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = callerOf(deps.keys, http, "submit", reply);
  if (caller === undefined) return reply;
  const shaped = shapeBody(kind, http.body, senderOf(http, caller));
  if (!shaped.ok) return sendProblem(reply, shaped.problem);
  const streamed = kind === "chat" && isStreamed(http.body);
  const { settings } = deps;
  const wants = onDisconnect(http, settings.on_disconnect[streamed ? "stream" : "wait"], reply);
  if (wants === undefined) return reply;
  if (deps.waiting.count >= settings.waiting_max || (streamed && deps.wakes.count >= settings.streams.open_max)) {
    const error = failure("overloaded", "api_error", "too many callers wait for their results here; try again soon");
    return send(reply, errorReply(503, error, RETRY_AFTER));
  }
  // Nothing is admitted and no result gets here without it: said at once, where the wait could only run out.
  if (!deps.redisReady()) return sendUnavailable(reply);
  const found = await byKey(deps, shaped.request, false);
  if (found.kind === "reused") return sendReused(reply, found.first_id);
  const { request } = found;
  const id = request.id as string;
  const keyed = request.idempotency_key !== undefined;
  const sending = streamed
    ? new ChatSending(deps, { tenant: caller.tenant, id, usage_wanted: wantsUsage(http.body), keyed, reply })
    : undefined;
  if (found.kind === "done") {
    const result = JSON.parse(found.view.result as string) as Result;
    reply.header(...REPLAYED);
    return sending === undefined ? send(reply, replyOf(result, {}, keyed)) : sending.replay(result);
  }
  const envelope = { reply_to: deps.instance, key_id: caller.key_id, trace: traceOf(http), followed: streamed };
  const begin = () => produce(deps, found, envelope);
  if (found.kind === "in_flight" && settings.idempotent_in_flight === "conflict") {
    await begin();
    return sendInFlight(reply, id);
  }
  const attended = { id, wants, reply };
  if (sending === undefined) return produceAndWait(deps, found, caller, begin, attended);
  const attendance = attend(deps, deps.company, caller, { ...attended, gone: () => sending.leave() });
  try {
    return await sending.run(begin);
  } finally {
    attendance.done();
  }
}

async function produceAndWait(
  deps: Deps,
  { request }: Extract<Keyed, { kind: "first" | "in_flight" }>,
  caller: Caller,
  begin: () => Promise<void>,
  attended: { readonly id: string; readonly wants: "cancel" | "finish"; readonly reply: FastifyReply },
): Promise<FastifyReply> {
  const { id, reply } = attended;
  const { tenant } = caller;
  const keyed = request.idempotency_key !== undefined;
  const lookUp = async () => (await deps.views.read(tenant, id))?.result;
  const wait = deps.waiting.wait(tenant, id, deps.settings.wait_ms_max, lookUp);
  const attendance = attend(deps, deps.company, caller, { ...attended, gone: () => wait.cancel() });
  try {
    await begin();
    const told = await wait.told;
    if (told !== undefined) {
      return send(reply, replyOf(JSON.parse(told.result) as Result, decodeRateRoom(told.rate_room), keyed));
    }
    const message = `the result is not there yet; ask for it at /v1/requests/${id}`;
    // Under its key the same call waits on.
    const again = keyed ? { "x-should-retry": "true" } : {};
    const headers = { "x-sluice-id": id, ...again };
    return send(reply, errorReply(504, failure("result_pending", "timeout_error", message), headers));
  } finally {
    wait.cancel();
    attendance.done();
  }
}

function sendInFlight(reply: FastifyReply, id: string): FastifyReply {
  const message = `the request with this idempotency key is under way; its result will be at /v1/requests/${id}`;
  const error = failure("idempotency_in_flight", "invalid_request_error", message);
  return send(reply, errorReply(409, error, { ...RETRY_AFTER, "x-sluice-id": id }));
}

function isStreamed(body: unknown): boolean {
  return (body as { stream?: unknown }).stream === true;
}

function wantsUsage(body: unknown): boolean {
  const { stream_options } = body as { stream_options?: { include_usage?: unknown } | null };
  return stream_options?.include_usage === true;
}
