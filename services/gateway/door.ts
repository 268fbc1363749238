/**
 * What holds for every call at the HTTP door, whatever its route: headers of every reply, how bodies are read and for how long, and what is
 * said of calls that reach no route, always in OpenAI's error shape.
 */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Clock, Timer } from "../../libs/shared/clock.ts";
import type { GatewaySettings } from "../../libs/shared/config/gateway.ts";
import { errorReply } from "./replies.ts";
import { failure, RETRY_AFTER, send } from "./sending.ts";

const SECURITY_HEADERS = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  // Answers belong to whoever has the key.
  "cache-control": "no-store",
} as const;

/** Answered while the door closes. */
const ALWAYS = new Set(["/healthz", "/metrics"]);

const HEADERS_MAX = 100;
const HEADERS_MS_MAX = 15_000;

export type DoorOptions = {
  readonly settings: Pick<GatewaySettings, "request_ms_max">;
  readonly clock: Clock;
};

/** Before any route is added. */
export function guardDoor(app: FastifyInstance, { settings, clock }: DoorOptions): void {
  const { server } = app;
  server.maxHeadersCount = HEADERS_MAX;
  server.headersTimeout = Math.min(HEADERS_MS_MAX, settings.request_ms_max);
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onRequest", (request, reply, done) => {
    reply.headers(SECURITY_HEADERS).header("x-request-id", request.id);
    if (!closing) return done();
    reply.header("connection", "close");
    if (ALWAYS.has(request.url)) return done();
    const error = failure("unavailable", "api_error", "this gateway is closing; send it again");
    send(reply, errorReply(503, error, RETRY_AFTER));
  });
  app.addHook("onSend", (_request, reply, _payload, done) => {
    // Whoever was here before the door began to close is to come back by another connection.
    if (closing) reply.header("connection", "close");
    done();
  });
  limitBodies(app, settings.request_ms_max, clock);
  readJsonAlone(app);
}

/** A body is sent within the time, but for an upload, which the server's own limit bounds. */
function limitBodies(app: FastifyInstance, body_ms_max: number, clock: Clock): void {
  const timers = new WeakMap<FastifyRequest, Timer>();
  app.addHook("preParsing", (request, reply, _payload, done) => {
    if (hasBody(request) && !request.headers["content-type"]?.startsWith("multipart/")) {
      timers.set(
        request,
        clock.after(body_ms_max, () => tooSlow(request, reply)),
      );
    }
    done();
  });
  app.addHook("preValidation", (request, _reply, done) => {
    timers.get(request)?.cancel();
    done();
  });
  app.addHook("onResponse", (request, _reply, done) => {
    timers.get(request)?.cancel();
    done();
  });
}

function hasBody({ headers }: FastifyRequest): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

function tooSlow(request: FastifyRequest, reply: FastifyReply): void {
  // What was refused before is still being read to its end.
  if (reply.sent) {
    request.raw.destroy();
    return;
  }
  reply.raw.once("finish", () => request.raw.destroy());
  const error = failure("request_timeout", "invalid_request_error", "the body took too long to arrive; send it again");
  send(reply.header("connection", "close"), errorReply(408, error));
}

/** Bodies are JSON, but where a route takes something else by a parser of its own. An empty one is none: some clients name a type for it. */
function readJsonAlone(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else parse(request, body as string, done);
  });
}

/** For calls that no route takes: 405 where another method would be taken, else 404. */
export function unknownRoutes(app: FastifyInstance): (request: FastifyRequest, reply: FastifyReply) => FastifyReply {
  const known = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook("onRoute", ({ url, method }) => {
    const route = known.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    known.set(url, route);
    for (const one of [method].flat()) route.methods.add(one);
  });
  return (request, reply) => {
    const path = request.url.split("?", 1)[0] as string;
    const methods = [...known.values()]
      .filter(({ pattern }) => pattern.test(path))
      .flatMap((route) => [...route.methods]);
    if (methods.length === 0) {
      const message = `there is no ${request.method} ${path}`;
      return send(reply, errorReply(404, failure("not_found", "invalid_request_error", message)));
    }
    const allow = [...new Set(methods)].sort().join(", ");
    const message = `${path} takes no ${request.method}; it takes ${allow}`;
    return send(reply, errorReply(405, failure("method_not_allowed", "invalid_request_error", message), { allow }));
  };
}

/** Of a route's URL: `:id` is a part of a path, `*` is all that follows. */
function patternOf(url: string): RegExp {
  const escaped = url.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/:[^/]+/g, "[^/]+").replace(/\*/g, ".*")}$`);
}

const WRONG_BYTES: Readonly<Record<string, readonly [status: number, code: string, message: string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "request_timeout", "the request took too long to arrive; send it again"],
  HPE_HEADER_OVERFLOW: [431, "invalid_request", "the headers are too large"],
};

/** For bytes that are no HTTP: there is neither request nor reply, only the connection. */
export function answerWrongBytes(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, code, message] = WRONG_BYTES[error.code ?? ""] ?? [
    400,
    "invalid_request",
    "this is not valid HTTP/1.1",
  ];
  const reply = errorReply(status, failure(code, "invalid_request_error", message));
  const body = JSON.stringify(reply.body);
  const headers = {
    ...reply.headers,
    ...SECURITY_HEADERS,
    "content-type": "application/json; charset=utf-8",
    "content-length": String(Buffer.byteLength(body)),
    connection: "close",
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join("")}\r\n${body}`);
}
