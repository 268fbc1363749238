/** What every route has in common: how it is declared, and whose key it was called with. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { KeyScope } from "../../libs/shared/events/tenants.ts";
import type { RecordHeaders } from "../../libs/shared/kafka/ports.ts";
import type { Caller, KeyRing } from "./keys.ts";
import { errorReply } from "./replies.ts";
import { failure, send } from "./sending.ts";
import type { Sender } from "./submit.ts";
// Where a call keeps its trace.
import type {} from "./tracing.ts";

/** Adds its routes to the server. */
export type Routes = (app: FastifyInstance) => void;

/** What /openapi.json says of a route. Bodies, queries and replies are checked by the routes themselves, with the same schemas. */
export type RouteDoc = {
  /** One line. */
  readonly summary: string;
  /** The chapter: Chat, Requests, Files, Batches, Map-reduce, Webhooks, Usage… */
  readonly tag: string;
  /** What a key must be allowed; `any`: nothing, but there must be one; left out: no key is needed. */
  readonly scope?: KeyScope | "any";
  readonly query?: z.ZodType;
  /** Headers that the route looks at, beside the key. */
  readonly headers?: z.ZodType;
  readonly body?: z.ZodType;
  /** Of a body that is not JSON. */
  readonly body_type?: "multipart/form-data";
  /** By status: what it means, and its JSON or the media type of something else. */
  readonly replies: Readonly<
    Record<number, { readonly what: string; readonly json?: z.ZodType; readonly type?: string }>
  >;
};

declare module "fastify" {
  interface FastifyContextConfig {
    readonly doc?: RouteDoc;
  }
}

/** For a route's options: `app.get(url, documented({…}), handler)`. */
export function documented(doc: RouteDoc): { readonly config: { readonly doc: RouteDoc } } {
  return { config: { doc } };
}

/** Whose call it is; undefined when a refusal was sent. */
export function callerOf(
  keys: KeyRing,
  http: FastifyRequest,
  scope: KeyScope | "any",
  reply: FastifyReply,
): Caller | undefined {
  const outcome = keys.authenticate(http.headers.authorization, scope);
  if (outcome.ok) return outcome.caller;
  const type = outcome.status === 401 ? "authentication_error" : "permission_error";
  send(reply, errorReply(outcome.status, failure(outcome.code, type, outcome.message)));
  return undefined;
}

export function senderOf(http: FastifyRequest, { tenant }: Caller): Sender {
  const header = http.headers["idempotency-key"];
  return { tenant, idempotency_key: header === undefined ? undefined : String(header) };
}

/** W3C trace context for what the call writes: of its own span, or as the caller sent it where there are no traces. */
export function traceOf(http: FastifyRequest): RecordHeaders {
  return http.trace ?? callerTrace(http);
}

/** As the caller sent it. */
export function callerTrace(http: Pick<FastifyRequest, "headers">): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of ["traceparent", "tracestate"]) {
    const value = http.headers[name];
    if (typeof value === "string" && value.length <= 512) kept[name] = value;
  }
  return kept;
}
