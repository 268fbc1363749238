/**
 * What an outcome does to the cache: its answer is kept where it may be given again (I5), and whoever waits for it is told in any case.
 */
import { keptAnswer } from "../../libs/shared/cache/kept-answer.ts";
import type { CacheEntryHead } from "../../libs/shared/events/cache.ts";
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";
import type { CacheAnswers, EndedLead } from "../../libs/shared/redis/cache-answers.ts";

export type CacheFilling = {
  readonly answers: Pick<CacheAnswers, "finish">;
  /** A longer answer is not kept. */
  readonly response_bytes_max: number;
};

/** An answer to keep, for `llm.cache` and Redis. */
export type CacheEntry = {
  readonly head: CacheEntryHead;
  readonly response: Buffer;
  /** Of the hop that keeps it, where that is traced. */
  readonly traceparent?: string;
};

/**
 * Pure. The entry's times are the answer's own, so that the same outcome always makes the same entry.
 * @returns undefined where nothing is kept: only a whole answer of a request that succeeded is, and only where the router asked for it.
 */
export function cacheEntryOf(
  outcome: OutcomeHead,
  response: Buffer | undefined,
  response_bytes_max: number,
): CacheEntry | undefined {
  const { fill, status, complete, route, usage, timing } = outcome;
  if (fill === undefined || !fill.store || status !== "succeeded" || complete !== true) return undefined;
  if (response === undefined || response.length > response_bytes_max) return undefined;
  if (route === undefined || usage === undefined || timing.completed === undefined) return undefined;
  const { store: _store, ttl_ms, ...named } = fill;
  const head: CacheEntryHead = {
    ...named,
    tenant: outcome.tenant,
    created_ms: timing.completed,
    expires_ms: timing.completed + ttl_ms,
    request_id: outcome.id,
    tier: route.tier,
    model: route.model,
    cost_usd: usage.cost_usd,
  };
  return { head, response };
}

/**
 * Keeps the answers, then ends the leads. Every outcome with a fill ends its lead, also one that came late or failed.
 * @param entries of the outcomes that became results.
 */
export async function tellCache(
  { answers }: CacheFilling,
  entries: readonly CacheEntry[],
  outcomes: readonly OutcomeHead[],
  now_ms: number,
): Promise<void> {
  const leads = outcomes.flatMap(leadOf);
  if (leads.length > 0)
    await answers.finish(
      entries.map(({ head, response, traceparent }) => keptAnswer(head, response, traceparent)),
      leads,
      now_ms,
    );
}

function leadOf({ tenant, id, fill }: OutcomeHead): EndedLead[] {
  return fill === undefined ? [] : [{ tenant, entry_id: fill.entry_id, id }];
}
