/** What of each cap is used, as scripts and pages are told. Pure. */
import { usdOf } from "../money.ts";
import type { Cap } from "./caps.ts";
import { type BudgetScope, windowEnd_ms } from "./scopes.ts";
import type { CounterSums, Trip } from "./store-options.ts";

/** Money is null for a single request, which has no counter, and for a session or user that was not named. */
export type ScopeView = {
  readonly scope: BudgetScope;
  readonly cap_usd: number | null;
  readonly reserved_usd: number | null;
  readonly settled_usd: number | null;
  /** RFC 3339; null where nothing begins anew. */
  readonly resets_at: string | null;
};

export type Stopped = { readonly at: string; readonly limit_usd: number };

export function scopeViews(caps: readonly Cap[], sums: readonly CounterSums[], now_ms: number): ScopeView[] {
  return caps.map(({ scope, cap_usd }) => {
    const found = sums.find(({ counter }) => counter.scope === scope);
    const end_ms = scope === "request" ? undefined : windowEnd_ms(scope, now_ms);
    return {
      scope,
      cap_usd,
      reserved_usd: found === undefined ? null : usdOf(found.reserved_nusd),
      settled_usd: found === undefined ? null : usdOf(found.settled_nusd),
      resets_at: end_ms === undefined ? null : new Date(end_ms).toISOString(),
    };
  });
}

export function stoppedView(trip: Trip | undefined): Stopped | null {
  return trip === undefined ? null : { at: new Date(trip.at_ms).toISOString(), limit_usd: usdOf(trip.limit_nusd) };
}
