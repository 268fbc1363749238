/** Tenants as they stand: what the settings file says, and what administrators made or changed. Pure. */
import { resolvePlan } from "../../libs/shared/budgets/plan.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { TenantRecord } from "../../libs/shared/events/tenants.ts";
import { formatTable } from "../output/format.ts";

export type TenantView = {
  readonly tenant: string;
  readonly plan: string;
  /** Who has the word: the settings file, or a record on the tenants topic. */
  readonly from: "sluice.yaml" | "llm.tenants";
  /** True where something differs from the plan. */
  readonly overrides: boolean;
  /** False where the record names a plan that is gone: its requests are refused. */
  readonly known: boolean;
};

/** By name. */
export function tenantViews(
  settings: Pick<Settings, "plans" | "tenants">,
  records: readonly TenantRecord[],
): TenantView[] {
  const changed = new Map(records.map((record) => [record.tenant, record]));
  const names = new Set([...Object.keys(settings.tenants), ...changed.keys()]);
  return [...names].sort().map((tenant) => {
    const record = changed.get(tenant);
    const { plan, overrides } = record ?? settings.tenants[tenant] ?? { plan: "default" };
    return {
      tenant,
      plan,
      from: record === undefined ? "sluice.yaml" : "llm.tenants",
      overrides: overrides !== undefined && Object.keys(overrides).length > 0,
      known: resolvePlan(settings, tenant, record) !== undefined,
    };
  });
}

export function tenantsTable(views: readonly TenantView[]): string {
  const rows = views.map(({ tenant, plan, from, overrides, known }) => {
    return [tenant, known ? plan : `${plan} (no such plan)`, overrides ? "yes" : "-", from];
  });
  return formatTable(["tenant", "plan", "overrides", "from"], rows);
}
