/** What of each cap is used, for scripts and people. Pure. */
import { type BudgetScope, windowEnd_ms } from "../../libs/shared/budgets/scopes.ts";
import type { CounterSums, Trip } from "../../libs/shared/budgets/store-options.ts";
import { usdOf } from "../../libs/shared/money.ts";
import { formatNusd, formatTable } from "../output/format.ts";
import type { Cap } from "./caps.ts";

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

export function scopesTable(views: readonly ScopeView[]): string {
  const rows = views.map(({ scope, cap_usd, reserved_usd, settled_usd, resets_at }) => [
    scope,
    usd(cap_usd),
    usd(reserved_usd),
    usd(settled_usd),
    cap_usd === null || reserved_usd === null || settled_usd === null
      ? "-"
      : formatNusd(Math.max(0, Math.round((cap_usd - reserved_usd - settled_usd) * 1e9))),
    resets_at?.replace(/:00\.000Z$/, "Z") ?? "-",
  ]);
  return formatTable(["scope", "cap", "reserved", "settled", "left", "resets"], rows, [1, 2, 3, 4]);
}

export function stoppedLine(tenant: string, { at, limit_usd }: Stopped): string {
  const why = `it spent more than ${usd(limit_usd)} within its velocity's window`;
  return `${tenant} is stopped since ${at}: ${why}; \`sluice budget resume ${tenant}\` lets it go on`;
}

function usd(amount_usd: number | null): string {
  return amount_usd === null ? "-" : formatNusd(Math.round(amount_usd * 1e9));
}
