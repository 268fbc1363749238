/** What tenants have left of their budgets: of those that ask for most. Redis is asked when the metrics are read. */
import { Gauge, type Registry } from "prom-client";
import { countersOf } from "../../libs/shared/budgets/scopes.ts";
import type { TenantCounters } from "../../libs/shared/budgets/store-options.ts";
import type { Clock } from "../../libs/shared/clock.ts";
import type { Log } from "../../libs/shared/log.ts";
import { TenantLabels } from "../../libs/shared/metrics/tenant-labels.ts";
import { usdOf } from "../../libs/shared/money.ts";
import type { Plans } from "./plans.ts";

export type BudgetsLeftOptions = {
  readonly tenants_max: number;
  readonly store: Pick<TenantCounters, "read">;
  readonly plans: Pick<Plans, "contextOf">;
  readonly clock: Pick<Clock, "now_ms">;
  readonly log: Pick<Log, "debug">;
};

/** @returns what is to be told of every request's tenant. */
export function observeBudgetsLeft(registry: Registry, options: BudgetsLeftOptions): (tenant: string) => void {
  const { tenants_max, log } = options;
  const tenants = new TenantLabels(tenants_max, () => undefined);
  new Gauge({
    name: "sluice_budget_left_usd",
    help: "US dollars that a tenant may still spend or reserve, by the scope of the cap",
    labelNames: ["tenant", "scope"],
    registers: [registry],
    async collect() {
      this.reset();
      const left = Promise.all(
        [...tenants.labelled].map(async (tenant) => ({ tenant, scopes: await of(options, tenant) })),
      );
      // Without Redis nobody knows: the other metrics are still read.
      const known = await left.catch((error: unknown) => {
        log.debug({ error }, "what is left of budgets was not read");
        return [];
      });
      this.reset();
      for (const { tenant, scopes } of known) {
        for (const { scope, left_usd } of scopes) this.set({ tenant, scope }, left_usd);
      }
    },
  });
  return (tenant) => void tenants.of(tenant, 1);
}

/** Of the caps that a tenant as a whole has. */
async function of({ store, plans, clock }: BudgetsLeftOptions, tenant: string) {
  const caps = plans.contextOf(tenant)?.caps_nusd ?? {};
  const counters = countersOf({}, clock.now_ms()).filter(({ scope }) => caps[scope] !== undefined);
  if (counters.length === 0) return [];
  const sums = await store.read(tenant, counters);
  return sums.map(({ counter: { scope }, reserved_nusd, settled_nusd }) => ({
    scope,
    left_usd: usdOf(Math.max(0, (caps[scope] ?? 0) - reserved_nusd - settled_nusd)),
  }));
}
