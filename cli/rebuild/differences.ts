/** Where the counters are other than a fold of the ledger says. Pure. */
import type { Snapshot } from "../../libs/shared/budgets/admission-store.ts";
import type { CounterSums } from "../../libs/shared/budgets/store-options.ts";
import { formatNusd, formatTable } from "../output/format.ts";

export type CounterDifference = {
  readonly tenant: string;
  readonly scope: string;
  readonly subject: string;
  readonly window: string;
  readonly ledger: { readonly reserved_nusd: number; readonly settled_nusd: number };
  readonly counters: { readonly reserved_nusd: number; readonly settled_nusd: number };
};

/** @param sums in the order of the ledger's counters. */
export function differencesOf(ledger: Snapshot["counters"], sums: readonly CounterSums[]): CounterDifference[] {
  return ledger.flatMap(({ tenant, counter, reserved_nusd, settled_nusd }, index) => {
    const found = { reserved_nusd: sums[index]?.reserved_nusd ?? 0, settled_nusd: sums[index]?.settled_nusd ?? 0 };
    if (found.reserved_nusd === reserved_nusd && found.settled_nusd === settled_nusd) return [];
    return [{ tenant, ...counter, ledger: { reserved_nusd, settled_nusd }, counters: found }];
  });
}

export function differencesTable(differences: readonly CounterDifference[]): string {
  const head = ["tenant", "scope", "window", "of", "reserved: ledger", "counter", "settled: ledger", "counter"];
  const rows = differences.map(({ tenant, scope, window, subject, ledger, counters }) => [
    tenant,
    scope,
    window || "-",
    subject || "-",
    formatNusd(ledger.reserved_nusd),
    formatNusd(counters.reserved_nusd),
    formatNusd(ledger.settled_nusd),
    formatNusd(counters.settled_nusd),
  ]);
  return formatTable(head, rows, [4, 5, 6, 7]);
}
