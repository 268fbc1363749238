/** What of each cap is used, for people. Pure. */
import type { ScopeView, Stopped } from "../../libs/shared/budgets/scope-views.ts";
import { formatNusd, formatTable } from "../output/format.ts";

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
