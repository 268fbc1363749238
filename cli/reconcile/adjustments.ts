/** From a comparison to the ledger entries that make up for it. Pure. */
import { createHash } from "node:crypto";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { formatNusd } from "../output/format.ts";
import type { Comparison, Share } from "./compare.ts";

/** An adjustment closes no hold. */
const NO_HOLD = "none";

export type Basis = {
  /** In words, for the entry's note. */
  readonly by: string;
  /** Of a price table. */
  readonly price_version?: string;
};

/**
 * One entry for each tenant that has other than it ought to. What stands in the ledger already counts, so a second run has nothing
 * to write, and a run that was cut short is finished by the next.
 */
export function adjustmentsOf(comparisons: readonly Comparison[], basis: Basis, now_ms: number): UsageEntry[] {
  return comparisons.flatMap(({ date, model, shares }) =>
    shares
      .filter(({ target_nusd, now_nusd }) => target_nusd !== now_nusd)
      .map((share): UsageEntry => {
        const { tenant, target_nusd, now_nusd } = share;
        return {
          kind: "adjusted",
          tenant,
          id: adjustmentId(date, model, share),
          hold_id: NO_HOLD,
          at_ms: now_ms,
          reserved_nusd: 0,
          settled_nusd: target_nusd - now_nusd,
          counters: countersOf({}, Date.parse(date)),
          cause: "reconcile",
          ...(model === "" ? {} : { model }),
          ...(basis.price_version === undefined ? {} : { price_version: basis.price_version }),
          note: `${basis.by}: ${formatNusd(target_nusd)} instead of ${formatNusd(now_nusd)} for ${model || "unknown models"} on ${date}`,
        };
      }),
  );
}

/** The same for the same correction of the same ledger, whoever makes it. */
function adjustmentId(date: string, model: string, { tenant, target_nusd, now_nusd, adjustments }: Share): string {
  const what = JSON.stringify([date, model, tenant, target_nusd, now_nusd, adjustments]);
  return `adj-${date}-${createHash("sha256").update(what).digest("base64url").slice(0, 22)}`;
}
