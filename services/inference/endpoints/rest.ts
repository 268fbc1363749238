/** How long a provider wants to be left alone, by what it said with an answer, and whom that concerns. Pure. */
import type { CallReport } from "../backend.ts";
import type { ProviderLimits } from "../model-client.ts";

/** `key`: the limits of the key's account. `endpoint`: the server, whoever asks. */
export type Rest = { readonly of: "key" | "endpoint"; readonly ms: number };

/** A provider that says an hour is asked again after a minute: one call is a small price for coming back in time. */
export const REST_MS_MAX = 60_000;

/**
 * After an answer with which nothing is left. The provider's reset is when its limit is full again, and one call is free long before:
 * waiting for all of it would send in bursts. After a 429 the reset is believed.
 */
export const REST_SPENT_MS = 1_000;

/** After a 429 that does not say how long, where another key can take over. */
export const REST_UNSAID_MS = 1_000;

/** @param several_keys another key of the endpoint may be used meanwhile. */
export function restAfter(report: CallReport, several_keys: boolean): Rest | undefined {
  const { end, retry_after_ms, limits } = report;
  const spent_ms = spentFor_ms(limits);
  if (end === "overloaded") {
    return restOf("key", retry_after_ms ?? (spent_ms > 0 ? spent_ms : several_keys ? REST_UNSAID_MS : 0));
  }
  if (end === "failed") return restOf("endpoint", retry_after_ms ?? 0);
  return end === "answered" ? restOf("key", Math.min(spent_ms, REST_SPENT_MS)) : undefined;
}

function restOf(of: Rest["of"], ms: number): Rest | undefined {
  return ms > 0 ? { of, ms: Math.min(ms, REST_MS_MAX) } : undefined;
}

/** Until what is used up is there again, in ms; 0 when something is left or nothing is known. */
function spentFor_ms(limits: ProviderLimits | undefined): number {
  const requests_ms = limits?.remaining_requests === 0 ? (limits.reset_requests_ms ?? 0) : 0;
  const tokens_ms = limits?.remaining_tokens === 0 ? (limits.reset_tokens_ms ?? 0) : 0;
  return Math.max(requests_ms, tokens_ms);
}
