/** What the mock refuses, as values in OpenAI's shape (platform.openai.com/docs/guides/error-codes). */

export type ApiError = {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly param: string | null;
  readonly message: string;
  /** Sent as `retry-after` (seconds, rounded up) and `retry-after-ms`. */
  readonly retry_after_ms?: number;
};

/** The answer to a request that cannot be understood: 400. */
export function badRequest(message: string, param: string | null = null, code: string | null = null): ApiError {
  return { status: 400, type: "invalid_request_error", code, param, message };
}

type Face = { readonly type: string; readonly code: string | null; readonly message: string };

const FACES: Readonly<Record<number, Face>> = {
  400: { type: "invalid_request_error", code: null, message: "The request was refused (injected fault)." },
  401: { type: "invalid_request_error", code: "invalid_api_key", message: "Incorrect API key provided." },
  403: { type: "invalid_request_error", code: "permission_denied", message: "This key may not use this model." },
  404: { type: "invalid_request_error", code: "model_not_found", message: "The model does not exist." },
  429: { type: "requests", code: "rate_limit_exceeded", message: "Rate limit reached for requests." },
  500: { type: "server_error", code: null, message: "The server had an error while processing your request." },
  503: { type: "server_error", code: "engine_overloaded", message: "The engine is currently overloaded." },
};

/** The error a provider sends with a status; statuses without a face of their own look like 400 or 500. */
export function errorOfStatus(status: number, extra: Partial<Omit<ApiError, "status">> = {}): ApiError {
  const face = FACES[status] ??
    FACES[status < 500 ? 400 : 500] ?? { type: "server_error", code: null, message: "Unknown error." };
  return { status, param: null, ...face, ...extra };
}

/** The body of an error answer. */
export function errorBody(error: ApiError): string {
  const { message, type, param, code } = error;
  return JSON.stringify({ error: { message, type, param, code } });
}

/** Headers that tell a client when to come back; none when the error says nothing about it. */
export function retryHeaders(error: ApiError): Record<string, string> {
  if (error.retry_after_ms === undefined) return {};
  const wait_ms = Math.ceil(error.retry_after_ms);
  return { "retry-after": String(Math.ceil(wait_ms / 1000)), "retry-after-ms": String(wait_ms) };
}
