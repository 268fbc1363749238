/**
 * What an outcome that has become the result does to the ledger: the hold is settled or given back. Pure.
 *
 * What a provider may have billed is never given back (I4): without a known cost, calls whose answers are unknown take all that was
 * held for them.
 */
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { OutcomeHead } from "../../libs/shared/events/flow.ts";
import { NO_HOLD, type UsageEntry } from "../../libs/shared/events/usage.ts";
import { nusd } from "../../libs/shared/money.ts";

/** @returns the entry for `llm.usage`; undefined where nothing was held and nothing spent. */
export function settlementOf(outcome: OutcomeHead, now_ms: number): UsageEntry | undefined {
  const { tenant, id, reservation, route, usage, unknown_calls = 0 } = outcome;
  const common = {
    tenant,
    id,
    at_ms: now_ms,
    ...(route === undefined ? {} : { tier: route.tier, model: route.model }),
  };
  if (reservation === undefined) return usage === undefined ? undefined : unheld(outcome, usage, common);
  const { hold_id, reserved_nusd, counters, tokens: reserved } = reservation;
  const hold = { ...common, hold_id, reserved_nusd, counters };
  if (usage !== undefined) {
    const cost_nusd = nusd(usage.cost_usd);
    // Of several hops, one was paid and of another nobody knows: the whole hold goes, and more where it was too small.
    const lost = unknown_calls > 0;
    return {
      ...hold,
      kind: "settled",
      cause: lost ? "unknown_call" : "result",
      settled_nusd: lost ? Math.max(cost_nusd, reserved_nusd) : cost_nusd,
      tokens: { reserved, used: lost ? Math.max(usedBy(usage), reserved) : usedBy(usage) },
      price_version: usage.price_version,
      ...(lost || isOfSeveral(outcome) ? {} : { billed: billedBy(usage) }),
    };
  }
  // How many tokens the unknown answers took is unknown too: what was charged to the limits stays.
  if (unknown_calls > 0) {
    const tokens = { reserved, used: reserved };
    return { ...hold, kind: "settled", cause: "unknown_call", settled_nusd: reserved_nusd, tokens };
  }
  return { ...hold, kind: "released", cause: "no_call", settled_nusd: 0, tokens: { reserved, used: 0 } };
}

type Usage = NonNullable<OutcomeHead["usage"]>;

/** Spent without a hold: let through without Redis, or by ingest of an earlier version. The ledger has every dollar. */
function unheld(
  outcome: OutcomeHead,
  usage: Usage,
  common: Pick<UsageEntry, "tenant" | "id" | "at_ms" | "tier" | "model">,
): UsageEntry {
  const { timing } = outcome;
  const several = isOfSeveral(outcome);
  return {
    ...common,
    kind: "settled",
    cause: "result",
    hold_id: NO_HOLD,
    reserved_nusd: 0,
    settled_nusd: nusd(usage.cost_usd),
    counters: countersOf({}, timing.completed ?? common.at_ms),
    tokens: { reserved: 0, used: usedBy(usage) },
    price_version: usage.price_version,
    ...(several ? {} : { billed: billedBy(usage) }),
  };
}

/** Counts of several models at several prices have no price of their own. */
function isOfSeveral({ route }: OutcomeHead): boolean {
  const by = route?.decision?.by;
  return by === "escalation" || by === "judge";
}

function billedBy({ prompt_tokens, cached_prompt_tokens, completion_tokens, batched }: Usage): UsageEntry["billed"] {
  return { prompt_tokens, cached_prompt_tokens, completion_tokens, ...(batched ? { batched } : {}) };
}

function usedBy({ prompt_tokens, completion_tokens }: Usage): number {
  return prompt_tokens + completion_tokens;
}

/** What was settled beyond what was held, in nano-dollars: where it is not 0, an estimate was no upper bound. */
export function overReserved_nusd({ hold_id, reserved_nusd, settled_nusd }: UsageEntry): number {
  return hold_id === NO_HOLD ? 0 : Math.max(0, settled_nusd - reserved_nusd);
}
