/** The HTTP server: its limits, errors in OpenAI's shape, health, and the routes. */
import { randomUUID } from "node:crypto";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Registry } from "prom-client";
import { describe } from "../../libs/shared/errors.ts";
import { answerHealth, type ReadinessCheck } from "../../libs/shared/http/health.ts";
import { traceFields } from "../../libs/shared/tracing/trace-context.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";
import { answerWrongBytes, guardDoor, unknownRoutes } from "./door.ts";
import { drain } from "./draining.ts";
import { errorReply } from "./replies.ts";
import { callerTrace, type Routes, traceOf } from "./route.ts";
import { completionRoutes } from "./routes/completions.ts";
import { addOpenApi } from "./routes/openapi.ts";
import { type RequestRoutesDeps, requestRoutes } from "./routes/requests.ts";
import { failure, send, sendUnavailable } from "./sending.ts";
import type { ChatStreamDeps } from "./streams/chat-sending.ts";
import { traceCalls } from "./tracing.ts";

export type GatewayDeps = RequestRoutesDeps &
  ChatStreamDeps & {
    readonly metrics: Registry;
    /** Left out: there are no traces. */
    readonly tracing?: Tracing;
    readonly ready: ReadinessCheck;
    /** What is offered beside requests. */
    readonly routes?: readonly Routes[];
  };

const TYPE = "invalid_request_error";
const BAD_REQUEST = 400;
const TOO_LARGE = 413;
const WRONG_TYPE = 415;
/** As long as an id may be, and every character of it escaped. */
const PARAM_CHARS_MAX = 600;
const HEADER_BYTES_MAX = 16 * 1024;

export function createGateway(deps: GatewayDeps): FastifyInstance {
  const { settings } = deps;
  const app = Fastify({
    logger: false,
    bodyLimit: settings.body_bytes_max,
    // Of anything; bodies that are no uploads have less (`door.ts`).
    requestTimeout: settings.upload_ms_max,
    http: { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: 0, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: "idle",
    // It is refused in OpenAI's shape (`door.ts`).
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAM_CHARS_MAX },
    genReqId: () => randomUUID(),
    // Prototype pollution is refused, not quietly removed.
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    clientErrorHandler: answerWrongBytes,
    frameworkErrors: (error, _request, reply) => {
      send(reply as FastifyReply, errorReply(BAD_REQUEST, failure("invalid_request", TYPE, describe(error))));
    },
  });
  // First, so that what the door refuses is seen too.
  if (deps.tracing !== undefined) traceCalls(app, deps.tracing, callerTrace);
  guardDoor(app, deps);
  app.setErrorHandler(async (error, request, reply) => {
    if (statusOf(error) === TOO_LARGE) {
      const limit = deps.clock.after(settings.request_ms_max, () => request.raw.destroy());
      await drain(request.raw);
      limit.cancel();
    }
    return sendFailure(deps, error, request, reply);
  });
  app.setNotFoundHandler(unknownRoutes(app));
  for (const path of ["/healthz", "/readyz", "/metrics"]) {
    app.get(path, async (_request, reply) => {
      const answer = await answerHealth(path, deps.ready, deps.metrics);
      return reply
        .code(answer?.status ?? 404)
        .type(answer?.type ?? "text/plain")
        .send(answer?.body);
    });
  }
  addOpenApi(app, [completionRoutes(deps), requestRoutes(deps), ...(deps.routes ?? [])]);
  return app;
}

function sendFailure(deps: GatewayDeps, error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const status = statusOf(error);
  if (status !== undefined && status < 500) {
    return send(reply, errorReply(status, failure(codeOf(status), TYPE, explain(error, request))));
  }
  deps.log.warn({ error, request_id: request.id, ...traceFields(traceOf(request)) }, "a request could not be served");
  return sendUnavailable(reply);
}

function codeOf(status: number): string {
  if (status === TOO_LARGE) return "request_too_large";
  return status === WRONG_TYPE ? "media_type_unsupported" : "invalid_request";
}

/** Fastify's own words, but where they do not say what to do. */
function explain(error: unknown, { routeOptions }: FastifyRequest): string {
  const { code } = error as { code?: unknown };
  if (code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return `the body is too large; ${routeOptions.bodyLimit} bytes are taken here`;
  if (code !== "FST_ERR_CTP_INVALID_MEDIA_TYPE") return describe(error);
  const type = routeOptions.config.doc?.body_type ?? "application/json";
  return `the body's type is not taken here; send it with content-type: ${type}`;
}

function statusOf(error: unknown): number | undefined {
  return typeof error === "object" && error !== null && "statusCode" in error ? Number(error.statusCode) : undefined;
}
