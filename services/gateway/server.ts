/** The HTTP door: keys, shape, produce, wait for the reply. It holds no logic of its own. */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import type { Clock } from "../../libs/shared/clock.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { describe } from "../../libs/shared/errors.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { controlRecord } from "../../libs/shared/events/control.ts";
import { ID_PATTERN } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { decodeRateRoom } from "../../libs/shared/events/rate-room.ts";
import type { Request } from "../../libs/shared/events/request.ts";
import type { KeyScope } from "../../libs/shared/events/tenants.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import { answerHealth, type ReadinessCheck } from "../../libs/shared/http/health.ts";
import type { Publisher } from "../../libs/shared/kafka/ports.ts";
import type { Log } from "../../libs/shared/log.ts";
import type { IdempotencyStore } from "../../libs/shared/redis/idempotency-store.ts";
import type { JobView } from "../../libs/shared/redis/job-views.ts";
import { Appealing, type AppealingDeps } from "./appealing.ts";
import { drain } from "./draining.ts";
import { type Keyed, keyed } from "./idempotency.ts";
import type { Caller, KeyRing } from "./keys.ts";
import { errorReply, replyOf } from "./replies.ts";
import { report } from "./reporting.ts";
import {
  failure,
  REPLAYED,
  RETRY_AFTER,
  send,
  sendProblem,
  sendReused,
  sendUnavailable,
  sendUnknown,
  sendView,
} from "./sending.ts";
import { type Envelope, requestRecord, type Sender, shapeBody, shapeRequest } from "./submit.ts";
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
  readonly idempotency: IdempotencyStore;
  /** Whether Redis is there, by which results reach those who wait. */
  readonly redisReady: () => boolean;
  /** The lasting row: the Result as JSON text. */
  readonly findResult: (tenant: string, id: string) => Promise<string | undefined>;
  readonly appealOf: AppealingDeps["appealOf"];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Registry;
  readonly ready: ReadinessCheck;
};

const TOO_LARGE = 413;

/** A call about one request. */
type OneRequest = FastifyRequest<{ Params: { id: string } }>;

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
  app.setErrorHandler(async (error, request, reply) => {
    if (statusOf(error) === TOO_LARGE) await drain(request.raw);
    return sendFailure(deps, error, reply);
  });
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
  app.post<{ Params: { id: string } }>("/v1/requests/:id/report", (request, reply) => wrong(deps, request, reply));
  const appealing = new Appealing();
  app.post<{ Params: { id: string } }>("/v1/requests/:id/appeal", (request, reply) => {
    const caller = authenticate(deps, request, "submit", reply);
    if (caller === undefined) return reply;
    const view = (id: string) => readView(deps, caller.tenant, id);
    return appealing.appeal({ ...deps, view }, caller, request.params.id, trace(request), reply);
  });
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
  deps: GatewayDeps,
  found: Extract<Keyed, { kind: "first" | "in_flight" }>,
  { tenant, key_id }: Caller,
  http: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const id = found.request.id as string;
  const envelope = { reply_to: deps.instance, key_id, trace: trace(http) };
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

/** The native way: 202 at once, then poll. */
async function submit(deps: GatewayDeps, http: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = authenticate(deps, http, "submit", reply);
  if (caller === undefined) return reply;
  const { tenant, key_id } = caller;
  const shaped = shapeRequest(http.body, senderOf(http, caller));
  if (!shaped.ok) return sendProblem(reply, shaped);
  const has_own_id = (http.body as { id?: unknown }).id !== undefined;
  const found = await byKey(deps, shaped.request, has_own_id);
  if (found.kind === "reused") return sendReused(reply, found.first_id);
  const id = found.request.id as string;
  if (found.kind === "done") return sendView(reply.header(...REPLAYED), 200, id, found.view);
  await produce(deps, found, { reply_to: undefined, key_id, trace: trace(http) });
  // Only a view: if Redis is away now, ingest and results will still make it.
  await deps.views.queued(tenant, id, deps.clock.now_ms()).catch(() => undefined);
  const status = (found.kind === "in_flight" ? found.view?.status : undefined) ?? "queued";
  const body = { id, object: "request", status, url: `/v1/requests/${id}` };
  return reply.code(202).header("x-sluice-id", id).header("location", body.url).send(body);
}

function byKey(deps: GatewayDeps, request: Request, has_own_id: boolean): Promise<Keyed> {
  const { idempotency } = deps;
  return keyed({ idempotency, view: (tenant, id) => readView(deps, tenant, id) }, request, has_own_id);
}

async function produce(
  deps: GatewayDeps,
  found: Extract<Keyed, { kind: "first" | "in_flight" }>,
  envelope: Envelope,
): Promise<void> {
  if (found.kind === "in_flight" && found.produced) return;
  await deps.publisher.publish([requestRecord(deps, found.request, envelope)]);
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
  if (view.result !== undefined) return sendView(reply, 200, id, view);
  const event = { kind: "cancel", tenant, id, at_ms: deps.clock.now_ms(), by: key_id } as const;
  await deps.publisher.publish([controlRecord(deps.codec, deps.names.control, event)]);
  return sendView(reply, 202, id, view);
}

async function wrong(deps: GatewayDeps, http: OneRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = authenticate(deps, http, "submit", reply);
  if (caller === undefined) return reply;
  const { id } = http.params;
  return report(deps, caller, id, http.body, await readView(deps, caller.tenant, id), reply);
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

function senderOf(http: FastifyRequest, { tenant }: Caller): Sender {
  const header = http.headers["idempotency-key"];
  return { tenant, idempotency_key: header === undefined ? undefined : String(header) };
}

function trace(http: FastifyRequest): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = http.headers[name];
    if (typeof value === "string" && value.length <= 512) kept[name] = value;
  }
  return kept;
}

function sendFailure(deps: GatewayDeps, error: unknown, reply: FastifyReply): FastifyReply {
  const status = statusOf(error);
  if (status !== undefined && status < 500) {
    return send(reply, errorReply(status, failure("invalid_request", "invalid_request_error", describe(error))));
  }
  deps.log.warn({ error }, "a request could not be served");
  return sendUnavailable(reply);
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "statusCode" in error ? Number(error.statusCode) : undefined;
}
