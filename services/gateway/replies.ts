/** From a Result to an HTTP reply, and errors in OpenAI's shape. Pure. */
import type { RateRoom } from "../../libs/shared/budgets/admission-store.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { statusOfError } from "../../libs/shared/http/error-status.ts";

export type HttpReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
};

/** The reply of a synchronous OpenAI endpoint. @param room what was left of the rate limits when it was admitted or refused. */
export function replyOf(result: Result, room: RateRoom = {}): HttpReply {
  const headers = { ...resultHeaders(result), ...rateHeaders(room) };
  if (result.status === "succeeded" && result.response !== undefined) {
    return { status: 200, headers, body: result.response };
  }
  const error = result.error ?? { code: "internal_error", type: "api_error", message: "the result has no response" };
  const retry: Record<string, string> =
    error.retry_after_ms === undefined ? {} : { "retry-after": String(Math.ceil(error.retry_after_ms / 1_000)) };
  return {
    status: statusOfError(error.code),
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

/** As OpenAI names them, durations too. */
function rateHeaders(room: RateRoom): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ["requests", "tokens"] as const) {
    const one = room[name];
    if (one === undefined) continue;
    headers[`x-ratelimit-limit-${name}`] = String(one.limit);
    headers[`x-ratelimit-remaining-${name}`] = String(one.left);
    headers[`x-ratelimit-reset-${name}`] = durationText(one.reset_ms);
  }
  return headers;
}

/** As Go prints durations and OpenAI sends them: `20ms`, `1.5s`, `6m0s`, `1h0m0s`. */
export function durationText(duration_ms: number): string {
  if (duration_ms < 1_000) return `${duration_ms}ms`;
  const minutes = Math.floor(duration_ms / 60_000);
  const seconds = `${(duration_ms % 60_000) / 1_000}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

function errorBody(error: ResultError): object {
  const { code, type, message, param } = error;
  return { error: { message, type, param: param ?? null, code } };
}

export function errorReply(status: number, error: ResultError, headers: Record<string, string> = {}): HttpReply {
  return { status, headers, body: errorBody(error) };
}
