/** The HTTP status that says what an error code says. Pure. */

const STATUS_BY_CODE: Readonly<Record<string, number>> = {
  invalid_request: 400,
  model_unknown: 404,
  // RFC 9111 says 504 of only-if-cached, which OpenAI's clients would send again.
  cache_miss: 404,
  tenant_unknown: 403,
  principal_not_allowed: 403,
  feature_not_allowed: 403,
  tier_not_allowed: 403,
  price_unknown: 400,
  // Waiting does not help: no 429, after which OpenAI's clients would send it again.
  budget_exceeded: 402,
  tenant_stopped: 402,
  rate_limited: 429,
  quota_exceeded: 429,
  in_flight_exceeded: 429,
  idempotency_key_reused: 422,
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

/** 500 for a code that is not listed. */
export function statusOfError(code: string): number {
  return Object.hasOwn(STATUS_BY_CODE, code) ? (STATUS_BY_CODE[code] as number) : 500;
}
