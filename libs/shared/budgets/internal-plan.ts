/** What the pipeline's own tenants may spend: the budgets of checks and shadows, from the settings. Pure. */
import { planSchema } from "../config/plans.ts";
import type { Settings } from "../config/schema.ts";
import { CACHE_CHECK_TENANT, shadowTenant } from "../events/shadow.ts";
import { type ResolvedPlan, resolvePlan } from "./plan.ts";

export type InternalSettings = {
  readonly routing: Pick<Settings["routing"], "shadows">;
  readonly cache: { readonly semantic: { readonly checks: { readonly budget_day_usd: number } } };
};

/** @returns undefined for any other name, also for a shadow that the settings do not have (any more): it may not spend. */
export function internalPlan(settings: InternalSettings, tenant: string): ResolvedPlan | undefined {
  const budget_day_usd = budgetOf(settings, tenant);
  if (budget_day_usd === undefined) return undefined;
  const plan = planSchema.parse({ budgets: { tenant_day_usd: budget_day_usd } });
  return resolvePlan({ plans: { internal: plan }, tenants: { [tenant]: { plan: "internal" } } }, tenant);
}

function budgetOf({ routing, cache }: InternalSettings, tenant: string): number | undefined {
  if (tenant === CACHE_CHECK_TENANT) return cache.semantic.checks.budget_day_usd;
  return Object.entries(routing.shadows).find(([name]) => shadowTenant(name) === tenant)?.[1].budget_day_usd;
}
