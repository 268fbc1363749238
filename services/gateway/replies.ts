/** From a Result to an HTTP reply, and errors in OpenAI's shape. Pure. */
import type { RateRoom } from "../../libs/shared/budgets/admission-store.ts";
import type { ResultError, Route } from "../../libs/shared/events/fields.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { statusOfError } from "../../libs/shared/http/error-status.ts";
import { isWorthAgain } from "./retrying.ts";

export type HttpReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
};

/**
 * The reply of a synchronous OpenAI endpoint.
 * @param room what was left of the rate limits when it was admitted or refused.
 * @param keyed it came with an idempotency key, under which a failure is kept and would be told again.
 */
export function replyOf(result: Result, room: RateRoom = {}, keyed = false): HttpReply {
  const headers = { ...resultHeaders(result), ...rateHeaders(room) };
  if (result.status === "succeeded" && result.response !== undefined) {
    return { status: 200, headers, body: result.response };
  }
  const error = errorOf(result);
  const reply = errorReply(statusOfError(error.code), error, headers);
  const { retry_after_ms } = error;
  // A request that is larger than its limit is refused without a time.
  const hopeless = error.code === "rate_limited" && retry_after_ms === undefined;
  const again = hopeless || (keyed && result.status !== "rejected") ? { "x-should-retry": "false" } : {};
  const later: Record<string, string> =
    retry_after_ms === undefined
      ? {}
      : {
          "retry-after": String(Math.ceil(retry_after_ms / 1_000)),
          "retry-after-ms": String(Math.ceil(retry_after_ms)),
        };
  return { ...reply, headers: { ...reply.headers, ...later, ...again } };
}

/** Of a Result without a response. */
function errorOf(result: Result): ResultError {
  return asCallers(
    result.error ?? { code: "internal_error", type: "api_error", message: "the result has no response" },
  );
}

/** The caller of an OpenAI endpoint sent the body alone: paths begin in it. */
function asCallers({ param, message, ...error }: ResultError): ResultError {
  const own = (text: string): string => text.replace(/^body\./, "");
  return { ...error, message: own(message), ...(param === undefined ? {} : { param: own(param) }) };
}

function resultHeaders({ id, route, usage }: Result): Record<string, string> {
  return {
    "x-sluice-id": id,
    ...(route === undefined ? {} : routeHeaders(route)),
    ...(usage === undefined ? {} : { [COST_HEADER]: costText(usage.cost_usd) }),
  };
}

/** A header of what is known at once, a trailer of a stream. */
export const COST_HEADER = "x-sluice-cost-usd";

/** To the nano-dollar. */
export function costText(cost_usd: number): string {
  return cost_usd.toFixed(9);
}

export function routeHeaders({
  tier,
  model,
  cache,
}: Pick<Route, "tier" | "model"> & { readonly cache: string }): Record<string, string> {
  return { "x-sluice-tier": tier, "x-sluice-model": headerText(model), "x-sluice-cache": cache };
}

/** A model's name may hold what no header may. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}

/** As OpenAI names them, durations too. */
export function rateHeaders(room: RateRoom): Record<string, string> {
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

/** With the word that OpenAI's clients believe: whether to send it again. */
export function errorReply(status: number, error: ResultError, headers: Record<string, string> = {}): HttpReply {
  const again = { "x-should-retry": String(isWorthAgain(status, error.code)) };
  return { status, headers: { ...again, ...headers }, body: errorBody(error) };
}
