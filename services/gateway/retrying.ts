/**
 * Whether a client should send a failed call again by itself. OpenAI's clients send 408, 409, 429 and 5xx again unless `x-should-retry`
 * says otherwise; a call that may have been paid for, or that would end the same way, is not to be sent again unasked. Pure.
 */

/** Failures of these statuses pass with time. */
const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

/** 409 where waiting helps; others are said of what stays as it is. */
const PASSING_CONFLICTS: ReadonlySet<string> = new Set(["idempotency_in_flight"]);

const NOT_AGAIN: ReadonlySet<string> = new Set([
  // What was received or asked for is charged: again would be paid for again.
  ...["provider_stream_broken", "provider_timeout", "provider_garbage", "attempt_unknown", "stream_broken"],
  // It would be the same again.
  ...["provider_response_too_large", "provider_auth", "quota_exceeded", "deadline_exceeded"],
  // The request goes on: its result will be there.
  "result_pending",
]);

/** @param code of the error, as docs/errors.md lists them. */
export function isWorthAgain(status: number, code: string): boolean {
  return (isPassing(status) && !NOT_AGAIN.has(code)) || PASSING_CONFLICTS.has(code);
}
