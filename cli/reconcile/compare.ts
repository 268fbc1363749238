/** The ledger beside an invoice or another price table, day by day and model by model. Pure. */
import type { InvoiceLine } from "./invoice.ts";
import { costOf, type LedgerDay, type LedgerDays } from "./ledger-days.ts";

export type Counts = {
  readonly requests: number | null;
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
};

export type Comparison = {
  readonly date: string;
  readonly model: string;
  readonly ledger: Counts & { readonly cost_nusd: number };
  /** What the invoice has, or what the table makes of the ledger's tokens; null where the invoice does not name the model. */
  readonly other: (Counts & { readonly cost_nusd: number }) | null;
  /** What each tenant ought to have in all. Empty where nothing is known to be wrong, or nobody can be charged. */
  readonly shares: readonly Share[];
};

export type Share = {
  readonly tenant: string;
  readonly target_nusd: number;
  readonly now_nusd: number;
  readonly adjustments: number;
};

/** Lines of the invoice, and what else the ledger has on its days. */
export function compareInvoice(invoice: readonly InvoiceLine[], days: LedgerDays): Comparison[] {
  const dates = new Set(invoice.map(({ date }) => date));
  const known = new Set(invoice.map(({ date, model }) => `${date} ${model}`));
  const beside = days.all.filter(({ date, model }) => dates.has(date) && !known.has(`${date} ${model}`));
  return [
    ...invoice.map((line): Comparison => {
      const { date, model, cost_nusd, prompt_tokens, completion_tokens } = line;
      const day = days.day(date, model);
      const other = { requests: line.requests ?? null, prompt_tokens, completion_tokens, cost_nusd };
      return { date, model, ledger: countsOf(day), other, shares: invoiceShares(day, cost_nusd) };
    }),
    ...beside.map((day) => {
      return { date: day.date, model: day.model, ledger: countsOf(day), other: null, shares: [] };
    }),
  ].toSorted(byDay);
}

/** Days within the bounds, both included. `days` must have been made with the table. */
export function comparePrices(days: LedgerDays, from: string | undefined, to: string | undefined): Comparison[] {
  return days.all
    .filter(({ date }) => (from === undefined || date >= from) && (to === undefined || date <= to))
    .map((day) => {
      const ledger = countsOf(day);
      const shares = [...day.tenants.values()].map((one) => shareOf(one, one.repriced_nusd));
      const cost_nusd = shares.reduce((sum, { target_nusd }) => sum + target_nusd, 0);
      return { date: day.date, model: day.model, ledger, other: { ...ledger, cost_nusd }, shares };
    });
}

export function difference_nusd({ ledger, other }: Comparison): number {
  return other === null ? 0 : other.cost_nusd - ledger.cost_nusd;
}

/** Each tenant's part of the invoice's sum, as what its own calls settled is to the whole. Nobody's where nobody settled anything. */
function invoiceShares(day: LedgerDay | undefined, cost_nusd: number): Share[] {
  const tenants = [...(day?.tenants.values() ?? [])];
  const parts = allot(
    cost_nusd,
    tenants.map(({ settled_nusd }) => settled_nusd),
  );
  return tenants.flatMap((one, index) => (parts === undefined ? [] : [shareOf(one, parts[index] ?? 0)]));
}

function shareOf(
  {
    tenant,
    settled_nusd,
    adjusted_nusd,
    adjustments,
  }: { tenant: string; settled_nusd: number; adjusted_nusd: number; adjustments: number },
  target_nusd: number,
): Share {
  return { tenant, target_nusd, now_nusd: settled_nusd + adjusted_nusd, adjustments };
}

/**
 * Splits a whole amount, perhaps negative, in proportion to the weights, so that the parts sum up to it exactly: the largest
 * remainders get one more (Hamilton's method). @returns undefined where all weights are 0.
 */
export function allot(amount: number, weights: readonly number[]): number[] | undefined {
  const sum = weights.reduce((total, weight) => total + BigInt(weight), 0n);
  if (sum === 0n) return undefined;
  const whole = BigInt(Math.abs(amount));
  const parts = weights.map((weight, index) => {
    const product = whole * BigInt(weight);
    return { index, part: product / sum, rest: product % sum };
  });
  let left = whole - parts.reduce((total, { part }) => total + part, 0n);
  const result = parts.map(({ part }) => part);
  for (const { index, part } of parts.toSorted((a, b) => Number(b.rest > a.rest) - Number(b.rest < a.rest))) {
    if (left === 0n) break;
    result[index] = part + 1n;
    left -= 1n;
  }
  return result.map((part) => Math.sign(amount) * Number(part) || 0);
}

function countsOf(day: LedgerDay | undefined): Comparison["ledger"] {
  if (day === undefined) return { requests: 0, prompt_tokens: 0, completion_tokens: 0, cost_nusd: 0 };
  const { requests, prompt_tokens, completion_tokens } = day;
  return { requests, prompt_tokens, completion_tokens, cost_nusd: costOf(day) };
}

function byDay(left: Comparison, right: Comparison): number {
  const one = `${left.date} ${left.model}`;
  const other = `${right.date} ${right.model}`;
  return one < other ? -1 : Number(one > other);
}
