/**
 * What each answer of a provider means and what is done about it: one table, which docs/errors.md has in words (a test compares
 * the two). Pure.
 */
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { CallEnd } from "./backend.ts";
import type { ModelAnswer } from "./model-client.ts";

/**
 * - `again`: the call may succeed when made again, after a wait, at another endpoint where there is one.
 * - `next_key`: the key is dead; with another key or endpoint the call is made again at once.
 * - `next_model`: the endpoint does not have the model; the tier's next one is asked.
 * - `fail`: the same request would end in the same way.
 */
export type Remedy = "again" | "next_key" | "next_model" | "fail";

export type OutcomeRow = {
  readonly code: string;
  readonly type: string;
  readonly remedy: Remedy;
  readonly end: CallEnd;
  /** The provider may have worked on it, and may charge for it, though there is no answer that we can use (I3, I4). */
  readonly unknown: boolean;
};

const row = (code: string, type: string, remedy: Remedy, end: CallEnd, unknown = false): OutcomeRow => ({
  code,
  type,
  remedy,
  end,
  unknown,
});

export const PROVIDER_OUTCOMES = {
  "429": row("provider_rate_limited", "rate_limit_error", "again", "overloaded"),
  "408, 409, 5xx": row("provider_error", "api_error", "again", "failed"),
  "401, 403": row("provider_auth", "authentication_error", "next_key", "key_refused"),
  "404": row("provider_rejected", "invalid_request_error", "next_model", "answered"),
  "other status": row("provider_rejected", "invalid_request_error", "fail", "answered"),
  "200, unusable": row("provider_garbage", "api_error", "again", "failed", true),
  "too large": row("provider_response_too_large", "api_error", "fail", "answered", true),
  "time-out": row("provider_timeout", "timeout_error", "again", "failed", true),
  "not connected": row("provider_unreachable", "api_error", "again", "failed"),
  reset: row("provider_unreachable", "api_error", "again", "failed", true),
  "broken stream": row("provider_stream_broken", "api_error", "fail", "failed", true),
  "no endpoint": row("provider_unavailable", "api_error", "again", "aborted"),
  deadline: row("deadline_exceeded", "timeout_error", "fail", "aborted"),
  cancelled: row("cancelled", "invalid_request_error", "fail", "aborted", true),
} as const satisfies Record<string, OutcomeRow>;

export type ProviderOutcome = keyof typeof PROVIDER_OUTCOMES;

export type ProviderFailure = {
  readonly outcome: ProviderOutcome;
  readonly error: ResultError;
  readonly retry_after_ms?: number;
  /** Of an answer that was no 200. */
  readonly status?: number;
};

/** Statuses that may pass though they are no 5xx: request time-out, conflict. */
const PASSING = new Set([408, 409]);

/** @returns undefined for a 200, whose body is still to be judged. */
export function failureOf(answer: ModelAnswer): ProviderFailure | undefined {
  switch (answer.kind) {
    case "timeout":
      return failure("time-out", "the model did not answer in time");
    case "aborted":
      return failure("cancelled", "the request was cancelled");
    case "broken":
      return failure("broken stream", `the model's stream broke: ${answer.message}`);
    case "unreachable":
      return failure(answer.sent ? "reset" : "not connected", `the model cannot be reached: ${answer.message}`);
    case "too_large":
      return failure(
        "too large",
        `the model's answer is larger than inference.response_bytes_max (${answer.bytes_max})`,
      );
    case "answered":
      return answer.status === 200 ? undefined : refusal(answer);
  }
}

export function failure(outcome: ProviderOutcome, message: string, retry_after_ms?: number): ProviderFailure {
  const { code, type } = PROVIDER_OUTCOMES[outcome];
  return { outcome, error: { code, type, message }, ...(retry_after_ms === undefined ? {} : { retry_after_ms }) };
}

function refusal({ status, body, retry_after_ms }: Extract<ModelAnswer, { kind: "answered" }>): ProviderFailure {
  const detail = providerMessage(body) ?? `HTTP ${status}`;
  const failed = (): ProviderFailure => {
    if (status === 429) return failure("429", detail, retry_after_ms);
    if (status >= 500 || PASSING.has(status)) return failure("408, 409, 5xx", detail, retry_after_ms);
    if (status === 401 || status === 403) return failure("401, 403", "the model refuses the configured API key");
    return failure(status === 404 ? "404" : "other status", detail);
  };
  return { ...failed(), status };
}

/** The provider's message in OpenAI's shape, shortened: it may quote the request. */
function providerMessage(body: Buffer): string | undefined {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: { message?: unknown } };
    return typeof error?.message === "string" ? error.message.slice(0, 500) : undefined;
  } catch {
    return undefined;
  }
}
