/** From a Result to an HTTP reply, and errors in OpenAI's shape. Pure. */
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";

export type HttpReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
};

/** Statuses by error code; what is not listed follows the result's status. */
const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  invalid_request: 400,
  model_unknown: 404,
  tenant_unknown: 403,
  deadline_exceeded: 504,
  // As nginx and Google's APIs say it; OpenAI's clients would send it again after a 409.
  cancelled: 499,
  provider_rate_limited: 429,
  provider_timeout: 504,
  provider_unreachable: 502,
  provider_unavailable: 503,
  provider_stream_broken: 502,
  provider_error: 502,
  provider_garbage: 502,
  provider_response_too_large: 502,
  provider_auth: 502,
  provider_rejected: 400,
  attempt_unknown: 502,
};

/** The reply of a synchronous OpenAI endpoint. */
export function replyOf(result: Result): HttpReply {
  const headers = resultHeaders(result);
  if (result.status === "succeeded" && result.response !== undefined) {
    return { status: 200, headers, body: result.response };
  }
  const error = result.error ?? { code: "internal_error", type: "api_error", message: "the result has no response" };
  const retry: Record<string, string> =
    error.retry_after_ms === undefined ? {} : { "retry-after": String(Math.ceil(error.retry_after_ms / 1_000)) };
  return {
    status: STATUS_BY_CODE[error.code] ?? 500,
    headers: { ...headers, ...retry },
    body: errorBody(asCallers(error)),
  };
}

/** The caller of an OpenAI endpoint sent the body alone: paths begin in it. */
function asCallers({ param, message, ...error }: ResultError): ResultError {
  const own = (text: string): string => text.replace(/^body\./, "");
  return { ...error, message: own(message), ...(param === undefined ? {} : { param: own(param) }) };
}

function resultHeaders({ id, route, usage }: Result): Record<string, string> {
  return {
    "x-sluice-id": id,
    ...(route === undefined ? {} : { "x-sluice-tier": route.tier, "x-sluice-cache": route.cache }),
    ...(usage === undefined ? {} : { "x-sluice-cost-usd": usage.cost_usd.toFixed(9) }),
  };
}

export function errorBody(error: ResultError): object {
  const { code, type, message, param } = error;
  return { error: { message, type, param: param ?? null, code } };
}

export function errorReply(status: number, error: ResultError, headers: Record<string, string> = {}): HttpReply {
  return { status, headers, body: errorBody(error) };
}
