/** The HTTP door: keys, shape, produce, wait for the reply. It holds no logic of its own. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import type { Clock } from "../../libs/shared/clock.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { describe } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { controlRecord } from "../../libs/shared/events/control.ts";
import { ID_PATTERN, type ResultError } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { KeyScope } from "../../libs/shared/events/tenants.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { answerHealth, type ReadinessCheck } from "../../libs/shared/http/health.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import type { Log } from "../../libs/shared/log.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";
import type { Caller, KeyRing } from "./keys.ts";
import { errorBody, errorReply, type HttpReply, replyOf } from "./replies.ts";
import { requestRecord, type Shaped, shapeBody, shapeRequest } from "./submit.ts";
import type { WaitingCallers } from "./waiting.ts";

export type GatewayDeps = {
  readonly instance: string;
  readonly settings: Settings["gateway"];
  readonly names: TopicNames;
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly keys: KeyRing;
  readonly waiting: WaitingCallers;
  readonly views: {
    queued(tenant: string, id: string, now_ms: number): Promise<void>;
    read(tenant: string, id: string): Promise<JobView | undefined>;
  };
  /** The lasting row: the Result as JSON text. */
  readonly findResult: (tenant: string, id: string) => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Registry;
  readonly ready: ReadinessCheck;
};

/** A call about one request. */
type OneRequest = FastifyRequest<{ Params: { id: string } }>;

const RETRY_AFTER = { "retry-after": "2" };

export function createGateway(deps: GatewayDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: deps.settings.body_bytes_max,
    requestTimeout: 60_000,
    forceCloseConnections: "idle",
    // Prototype pollution is refused, not quietly removed.
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
  });
  app.setErrorHandler((error, _request, reply) => sendFailure(deps, error, reply));
  app.setNotFoundHandler((request, reply) =>
    send(
      reply,
      errorReply(404, failure("not_found", "invalid_request_error", `there is no ${request.method} ${request.url}`)),
    ),
  );
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    app.get(path, async (_request, reply) => {
      const answer = await answerHealth(path, deps.ready, deps.metrics);
      return reply
        .code(answer?.status ?? 404)
        .type(answer?.type ?? "text/plain")
        .send(answer?.body);
    });
  }
  app.post("/v1/chat/completions", (request, reply) => complete(deps, "chat", request, reply));
  app.post("/v1/embeddings", (request, reply) => complete(deps, "embeddings", request, reply));
  app.post("/v1/requests", (request, reply) => submit(deps, request, reply));
  app.get<{ Params: { id: string } }>("/v1/requests/:id", (request, reply) => look(deps, request, reply));
  app.post<{ Params: { id: string } }>("/v1/requests/:id/cancel", (request, reply) => cancel(deps, request, reply));
  return app;
}

/** OpenAI's endpoints: the caller waits for the result. */
async function complete(
  deps: GatewayDeps,
  kind: "chat" | "embeddings",
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const caller = authenticate(deps, http, "submit", reply);
  if (caller === undefined) return reply;
  if ((http.body as { stream?: unknown } | null)?.stream === true) {
    const message = "stream: streaming is not offered yet; leave it out or set it to false";
    return send(
      reply,
      errorReply(400, { ...failure("invalid_request", "invalid_request_error", message), param: "stream" }),
    );
  }
  const shaped = shapeBody(kind, http.body, caller.tenant);
  if (!shaped.ok) return sendProblem(reply, shaped);
  if (deps.waiting.count >= deps.settings.waiting_max) {
    const error = failure("overloaded", "api_error", "too many callers wait for their results here; try again soon");
    return send(reply, errorReply(503, error, RETRY_AFTER));
  }
  const { request } = shaped;
  const id = request.id as string;
  const lookUp = async () => (await deps.views.read(caller.tenant, id))?.result;
  const wait = deps.waiting.wait(caller.tenant, id, deps.settings.wait_ms_max, lookUp);
  try {
    await deps.publisher.publish([requestRecord(deps, request, deps.instance, trace(http))]);
  } catch (error) {
    wait.cancel();
    throw error;
  }
  const text = await wait.result;
  if (text !== undefined) return send(reply, replyOf(JSON.parse(text) as Result));
  const message = `the result is not there yet; ask for it at /v1/requests/${id}`;
  return send(reply, errorReply(504, failure("result_pending", "timeout_error", message), { "x-sluice-id": id }));
}

/** The native way: 202 at once, then poll. */
async function submit(deps: GatewayDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = authenticate(deps, http, "submit", reply);
  if (caller === undefined) return reply;
  const shaped = shapeRequest(http.body, caller.tenant);
  if (!shaped.ok) return sendProblem(reply, shaped);
  const { request } = shaped;
  const id = request.id as string;
  await deps.publisher.publish([requestRecord(deps, request, undefined, trace(http))]);
  // Only a view: if Redis is away now, ingest and results will still make it.
  await deps.views.queued(caller.tenant, id, deps.clock.now_ms()).catch(() => undefined);
  const body = { id, object: "request", status: "queued", url: `/v1/requests/${id}` };
  return reply.code(202).header("x-sluice-id", id).header("location", body.url).send(body);
}

async function look(deps: GatewayDeps, http: OneRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = authenticate(deps, http, "read", reply);
  if (caller === undefined) return reply;
  const { id } = http.params;
  const view = await readView(deps, caller.tenant, id);
  return view === undefined ? sendUnknown(reply) : sendView(reply, 200, id, view);
}

/**
 * Tells every service that nobody wants the result any more: 202, and the request ends `cancelled` unless it ends otherwise before
 * that is heard. What has ended stays as it is: 200.
 */
async function cancel(deps: GatewayDeps, http: OneRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = authenticate(deps, http, "submit", reply);
  if (caller === undefined) return reply;
  const { tenant, key_id } = caller;
  const { id } = http.params;
  // Without a row, only Redis can tell an unfinished request from an unknown one: while it is away this throws (503).
  const view =
    (await readView(deps, tenant, id)) ?? (ID_PATTERN.test(id) ? await deps.views.read(tenant, id) : undefined);
  if (view === undefined) return sendUnknown(reply);
  if (view.status !== "queued" && view.status !== "running") return sendView(reply, 200, id, view);
  const event = { kind: "cancel", tenant, id, at_ms: deps.clock.now_ms(), by: key_id } as const;
  await deps.publisher.publish([controlRecord(deps.codec, deps.names.control, event)]);
  return sendView(reply, 202, id, view);
}

function sendUnknown(reply: FastifyReply): FastifyReply {
  const error = failure("not_found", "invalid_request_error", "there is no such request");
  return send(reply, errorReply(404, { ...error, param: "id" }));
}

function sendView(reply: FastifyReply, status: number, id: string, { result, ...state }: JobView): FastifyReply {
  const parsed = result === undefined ? {} : { result: JSON.parse(result) as Result };
  return reply
    .code(status)
    .header("x-sluice-id", id)
    .send({ id, object: "request", ...state, ...parsed });
}

/** The quick view first; the row for what is older than the view, or while Redis is away. */
async function readView(deps: GatewayDeps, tenant: string, id: string): Promise<JobView | undefined> {
  if (!ID_PATTERN.test(id)) return undefined;
  const view = await deps.views.read(tenant, id).catch((error: unknown) => {
    deps.log.debug({ error }, "the job view cannot be read; asking Postgres");
    return undefined;
  });
  if (view?.result !== undefined) return view;
  const result = await deps.findResult(tenant, id);
  if (result === undefined) return view;
  const { status, timing } = JSON.parse(result) as Result;
  return { status, updated_ms: timing.completed ?? 0, result };
}

function authenticate(
  deps: GatewayDeps,
  http: FastifyRequest,
  scope: KeyScope,
  reply: FastifyReply,
): Caller | undefined {
  const outcome = deps.keys.authenticate(http.headers.authorization, scope);
  if (outcome.ok) return outcome.caller;
  const type = outcome.status === 401 ? "authentication_error" : "permission_error";
  send(reply, errorReply(outcome.status, failure(outcome.code, type, outcome.message)));
  return undefined;
}

function trace(http: FastifyRequest): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = http.headers[name];
    if (typeof value === "string" && value.length <= 512) kept[name] = value;
  }
  return kept;
}

function sendProblem(reply: FastifyReply, shaped: Extract<Shaped, { ok: false }>): FastifyReply {
  const { param, message } = shaped.problem;
  return send(reply, errorReply(400, { ...failure("invalid_request", "invalid_request_error", message), param }));
}

function sendFailure(deps: GatewayDeps, error: unknown, reply: FastifyReply): FastifyReply {
  const status = statusOf(error);
  if (status !== undefined && status < 500) {
    return send(reply, errorReply(status, failure("invalid_request", "invalid_request_error", describe(error))));
  }
  deps.log.warn({ error }, "a request could not be served");
  const body = errorBody(failure("unavailable", "api_error", "Sluice cannot take requests right now; try again soon"));
  return send(reply, { status: 503, headers: RETRY_AFTER, body });
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "statusCode" in error ? Number(error.statusCode) : undefined;
}

function failure(code: string, type: string, message: string): ResultError {
  return { code, type, message };
}

function send(reply: FastifyReply, { status, headers, body }: HttpReply): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}
