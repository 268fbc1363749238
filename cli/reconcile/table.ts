/** How a comparison reads for people. Pure. */
import { formatNusd, formatTable } from "../output/format.ts";
import { type Comparison, difference_nusd } from "./compare.ts";

/** Costs more than the ledger has, of a model that no tenant settled anything of that day. */
export function unchargeable(comparisons: readonly Comparison[]): Comparison[] {
  return comparisons.filter((one) => one.shares.length === 0 && difference_nusd(one) !== 0);
}

export function comparisonTable(comparisons: readonly Comparison[]): string {
  const head = ["date", "model", "requests", "tokens in", "tokens out", "ledger", "other", "difference"];
  const rows = comparisons.map((one) => {
    const { date, model, ledger, other } = one;
    const requests = other?.requests === null ? String(ledger.requests) : pair(ledger.requests, other?.requests);
    return [
      date,
      model || "-",
      requests,
      pair(ledger.prompt_tokens, other?.prompt_tokens),
      pair(ledger.completion_tokens, other?.completion_tokens),
      formatNusd(ledger.cost_nusd),
      other === null ? "not on it" : formatNusd(other.cost_nusd),
      other === null ? "-" : formatNusd(difference_nusd(one)),
    ];
  });
  const ledger_nusd = comparisons.reduce((sum, { ledger }) => sum + ledger.cost_nusd, 0);
  const other_nusd = comparisons.reduce((sum, { other }) => sum + (other?.cost_nusd ?? 0), 0);
  const apart_nusd = comparisons.reduce((sum, one) => sum + difference_nusd(one), 0);
  const total = ["total", "", "", "", "", formatNusd(ledger_nusd), formatNusd(other_nusd), formatNusd(apart_nusd)];
  return formatTable(head, [...rows, total], [2, 3, 4, 5, 6, 7]);
}

/** One number where both agree, else the ledger's and the other's. */
function pair(ledger: number | null, other: number | null | undefined): string {
  return other === undefined || other === ledger ? String(ledger) : `${ledger} / ${other}`;
}
