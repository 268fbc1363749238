/** What a call used and cost. Pure. */
import type { Usage } from "../../libs/shared/events/fields.ts";
import { cost_nusd, type TokenCounts, usdOf } from "../../libs/shared/money.ts";
import type { PriceList } from "../../libs/shared/prices.ts";

/** How a call is priced. */
export type Pricing = { readonly prices: PriceList; readonly model: string; readonly batched: boolean };

/** The provider's own counts in an answer; undefined where it gives none. */
export function usageGiven(answer: Readonly<Record<string, unknown>>): TokenCounts | undefined {
  const given = answer["usage"] as Record<string, unknown> | null | undefined;
  const details = given?.["prompt_tokens_details"] as Record<string, unknown> | null | undefined;
  const prompt_tokens = count(given?.["prompt_tokens"]);
  if (prompt_tokens === undefined) return undefined;
  return {
    prompt_tokens,
    cached_prompt_tokens: count(details?.["cached_tokens"]) ?? 0,
    completion_tokens: count(given?.["completion_tokens"]) ?? 0,
  };
}

/** @param estimated the counts are ours, not the provider's. */
export function priced(counts: TokenCounts, estimated: boolean, { prices, model, batched }: Pricing): Usage {
  return {
    ...counts,
    cost_usd: usdOf(cost_nusd(counts, prices.priceOf(model, batched))),
    price_version: prices.version,
    estimated,
    ...(batched ? { batched } : {}),
  };
}

function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
