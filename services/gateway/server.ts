/** The HTTP server: limits, errors in OpenAI's shape, health, and the routes. */
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import type { Registry } from "prom-client";
import { describe } from "../../libs/shared/errors.ts";
import { answerHealth, type ReadinessCheck } from "../../libs/shared/http/health.ts";
import { drain } from "./draining.ts";
import { errorReply } from "./replies.ts";
import type { Routes } from "./route.ts";
import { completionRoutes } from "./routes/completions.ts";
import { type RequestRoutesDeps, requestRoutes } from "./routes/requests.ts";
import { failure, send, sendUnavailable } from "./sending.ts";

export type GatewayDeps = RequestRoutesDeps & {
  readonly metrics: Registry;
  readonly ready: ReadinessCheck;
  /** What is offered beside requests. */
  readonly routes?: readonly Routes[];
};

const TOO_LARGE = 413;

export function createGateway(deps: GatewayDeps): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: deps.settings.body_bytes_max,
    requestTimeout: deps.settings.request_ms_max,
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
  for (const routes of [completionRoutes(deps), requestRoutes(deps), ...(deps.routes ?? [])]) routes(app);
  return app;
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
