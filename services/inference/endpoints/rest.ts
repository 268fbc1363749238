/** How long a provider wants to be left alone, by what it said with an answer, and whom that concerns. Pure. */
import type { CallReport } from "../backend.ts";
import { pauseUntil } from "../limits/provider-limits.ts";

/** `key`: the limits of the key's account. `endpoint`: the server, whoever asks. */
export type Rest = { readonly of: "key" | "endpoint"; readonly ms: number };

/** After a 429 that does not say how long, where another key can take over. */
export const REST_UNSAID_MS = 1_000;

/** @param several_keys another key of the endpoint may be used meanwhile. */
export function restAfter({ end, retry_after_ms, limits }: CallReport, several_keys: boolean): Rest | undefined {
  // A pause that begins at 0 is as long as it lasts.
  if (end === "overloaded") {
    return restOf("key", pauseUntil(limits, retry_after_ms, 0) || (several_keys ? REST_UNSAID_MS : 0));
  }
  if (end === "answered") return restOf("key", pauseUntil(limits, undefined, 0));
  return end === "failed" ? restOf("endpoint", pauseUntil(undefined, retry_after_ms, 0)) : undefined;
}

function restOf(of: Rest["of"], ms: number): Rest | undefined {
  return ms > 0 ? { of, ms } : undefined;
}
