/** A span for each call of the API, which is the parent of all that its request goes through. Not of health, metrics and the console's files. */
import type { FastifyInstance } from "fastify";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import type { Span } from "../../libs/shared/tracing/span.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The call's own trace context; undefined where there are no traces. */
    trace?: RecordHeaders;
  }
}

const TRACED = "/v1/";
const FAILED_FROM = 500;

export function traceCalls(
  app: FastifyInstance,
  tracing: Tracing,
  callerContext: (http: CallHeaders) => RecordHeaders,
): void {
  app.decorateRequest("trace", undefined);
  app.addHook("onRequest", async (http, reply) => {
    if (!http.url.startsWith(TRACED)) return;
    const { method } = http;
    const route = http.routeOptions.url;
    const { headers, span } = tracing.begin({
      name: route === undefined ? method : `${method} ${route}`,
      kind: "server",
      parent: callerContext(http),
      attributes: () => ({
        "http.request.method": method,
        "http.route": route,
        "url.path": http.url.split("?", 1)[0],
        "url.scheme": http.protocol,
        "network.protocol.version": http.raw.httpVersion,
      }),
    });
    http.trace = headers;
    if (span !== undefined) reply.raw.once("close", () => ended(tracing, span, reply.raw));
  });
}

type CallHeaders = { readonly headers: Readonly<Record<string, string | string[] | undefined>> };

/** Also of a stream, and of a call whose caller went away. */
function ended(
  tracing: Tracing,
  span: Span,
  {
    statusCode,
    headersSent,
    writableFinished,
  }: Readonly<Record<"headersSent" | "writableFinished", boolean>> & { readonly statusCode: number },
): void {
  if (headersSent) span.set({ "http.response.status_code": statusCode });
  if (headersSent && statusCode >= FAILED_FROM) span.fail(String(statusCode));
  else if (!writableFinished) span.fail("caller_gone");
  tracing.end(span);
}
