/** The ledger by UTC day and model: what was settled, adjusted, and by whom. Pure. */
import type { UsageEntry } from "../../libs/shared/events/usage.ts";

export type TenantDay = {
  readonly tenant: string;
  /** Settled by calls. */
  settled_nusd: number;
  /** Of it, priced anew where a table was given; what it was made from is not known of every entry, which then stays as it is. */
  repriced_nusd: number;
  /** By earlier reconciliations. */
  adjusted_nusd: number;
  /** How many of them. */
  adjustments: number;
};

export type LedgerDay = {
  readonly date: string;
  /** Empty where no call's model is known. */
  readonly model: string;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  /** In the order in which they first settled. */
  readonly tenants: Map<string, TenantDay>;
};

/** The cost of what was billed by another table; undefined for a model that is not in it. */
export type Reprice = (model: string, billed: NonNullable<UsageEntry["billed"]>) => number | undefined;

export class LedgerDays {
  readonly #days = new Map<string, LedgerDay>();
  readonly #reprice: Reprice | undefined;

  constructor(reprice?: Reprice) {
    this.#reprice = reprice;
  }

  add(entry: UsageEntry): void {
    const { kind, cause, settled_nusd, model = "", billed } = entry;
    if (kind === "adjusted" && cause === "reconcile") {
      const tenant = tenantOf(this.#day(dayOfAdjustment(entry), model), entry.tenant);
      tenant.adjusted_nusd += settled_nusd;
      tenant.adjustments += 1;
    }
    if (kind !== "settled") return;
    const day = this.#day(new Date(entry.at_ms).toISOString().slice(0, 10), model);
    day.requests += 1;
    day.prompt_tokens += billed?.prompt_tokens ?? 0;
    day.completion_tokens += billed?.completion_tokens ?? 0;
    const tenant = tenantOf(day, entry.tenant);
    tenant.settled_nusd += settled_nusd;
    tenant.repriced_nusd += (billed === undefined ? undefined : this.#reprice?.(model, billed)) ?? settled_nusd;
  }

  day(date: string, model: string): LedgerDay | undefined {
    return this.#days.get(`${date} ${model}`);
  }

  /** By day, then model. */
  get all(): LedgerDay[] {
    const compare = (left: string, right: string): number => (left < right ? -1 : Number(left > right));
    return [...this.#days.values()].toSorted(
      (left, right) => compare(left.date, right.date) || compare(left.model, right.model),
    );
  }

  #day(date: string, model: string): LedgerDay {
    const key = `${date} ${model}`;
    let day = this.#days.get(key);
    if (day === undefined) {
      day = { date, model, requests: 0, prompt_tokens: 0, completion_tokens: 0, tenants: new Map() };
      this.#days.set(key, day);
    }
    return day;
  }
}

/** What the ledger has in all: calls and earlier reconciliations. */
export function costOf(day: LedgerDay): number {
  return [...day.tenants.values()].reduce(
    (sum, { settled_nusd, adjusted_nusd }) => sum + settled_nusd + adjusted_nusd,
    0,
  );
}

/** An adjustment belongs to the day that it corrects, which its counter names. */
function dayOfAdjustment({ counters, at_ms }: UsageEntry): string {
  const day = counters.find(({ scope }) => scope === "tenant_day")?.window;
  return day ?? new Date(at_ms).toISOString().slice(0, 10);
}

function tenantOf(day: LedgerDay, name: string): TenantDay {
  let tenant = day.tenants.get(name);
  if (tenant === undefined) {
    tenant = { tenant: name, settled_nusd: 0, repriced_nusd: 0, adjusted_nusd: 0, adjustments: 0 };
    day.tenants.set(name, tenant);
  }
  return tenant;
}
