/** When a provider asks to be called again, by the headers of its answer. Pure. */
import { type AnswerHeaders, readProviderLimits } from "./limits/provider-limits.ts";

/** @returns ms from now; undefined where it does not say. */
export function retryAfter_ms(headers: AnswerHeaders, now_ms: number): number | undefined {
  return readProviderLimits(headers, now_ms).retry_after_ms;
}
