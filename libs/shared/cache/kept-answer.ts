/** An entry's answer as Redis keeps it. Pure. */
import type { CacheEntryHead } from "../events/cache.ts";
import type { Keeping } from "../redis/cache-answers.ts";

/** @param traceparent of the hop that keeps it. */
export function keptAnswer(head: Omit<CacheEntryHead, "embedding">, response: Buffer, traceparent?: string): Keeping {
  const { tenant, entry_id, created_ms, expires_ms, tier, model, cost_usd } = head;
  const trace = traceparent === undefined ? {} : { traceparent };
  return { tenant, entry_id, answer: { entry_id, created_ms, expires_ms, tier, model, cost_usd, ...trace, response } };
}
