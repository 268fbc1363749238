/** An entry's answer as Redis keeps it. Pure. */
import type { CacheEntryHead } from "../events/cache.ts";
import type { Keeping } from "../redis/cache-answers.ts";

export function keptAnswer(head: Omit<CacheEntryHead, "embedding">, response: Buffer): Keeping {
  const { tenant, entry_id, created_ms, expires_ms, tier, model, cost_usd } = head;
  return { tenant, entry_id, answer: { entry_id, created_ms, expires_ms, tier, model, cost_usd, response } };
}
