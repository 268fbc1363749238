/** A tenant's caps: what they are, where each comes from, and what changing one writes. Pure. */

import type { Settings } from "../config/schema.ts";
import { SluiceError } from "../errors.ts";
import { isInternalTenant } from "../events/shadow.ts";
import type { TenantRecord } from "../events/tenants.ts";
import { usdOf } from "../money.ts";
import { type InternalSettings, internalPlan } from "./internal-plan.ts";
import { BUDGET_SCOPES, type BudgetScope } from "./scopes.ts";

export type Cap = {
  readonly scope: BudgetScope;
  /** Null: no cap. */
  readonly cap_usd: number | null;
  /** `plan`; `settings`, an override in sluice.yaml; `record`, one of `llm.tenants`. */
  readonly source: "plan" | "settings" | "record";
  /** What the plan says by itself. */
  readonly plan_usd: number | null;
};

export type Standing = {
  readonly tenant: string;
  readonly plan: string;
  readonly caps: readonly Cap[];
  /** What an administrator wrote, if anything: it replaces what sluice.yaml says of the tenant. */
  readonly record: TenantRecord | undefined;
};

type Known = Pick<Settings, "plans" | "tenants">;

/** @throws `usage` for a tenant that nobody made, or whose plan is gone. */
export function standingOf(
  settings: Known & Partial<InternalSettings>,
  tenant: string,
  record: TenantRecord | undefined,
): Standing {
  const own = internalStanding(settings, tenant);
  if (own !== undefined) return own;
  const named = namedOf(settings, tenant, record);
  const plan = Object.hasOwn(settings.plans, named.plan) ? settings.plans[named.plan] : undefined;
  if (plan === undefined) {
    throw new SluiceError("usage", `tenant "${tenant}" has the plan "${named.plan}", which does not exist`, {
      fix: `Plans are ${Object.keys(settings.plans).join(", ")}; sluice.yaml names them under plans.`,
    });
  }
  const caps = BUDGET_SCOPES.map((scope): Cap => {
    const plan_usd = plan.budgets[`${scope}_usd`] ?? null;
    const changed = named.overrides?.budgets?.[`${scope}_usd`] as number | null | undefined;
    if (changed === undefined) return { scope, cap_usd: plan_usd, source: "plan", plan_usd };
    return { scope, cap_usd: changed, source: record === undefined ? "settings" : "record", plan_usd };
  });
  return { tenant, plan: named.plan, caps, record };
}

/** Of the pipeline's own tenants, which spend on shadows and checks: nobody changes it but the settings. */
function internalStanding({ routing, cache }: Partial<InternalSettings>, tenant: string): Standing | undefined {
  if (!isInternalTenant(tenant) || routing === undefined || cache === undefined) return undefined;
  const resolved = internalPlan({ routing, cache }, tenant);
  if (resolved === undefined) return undefined;
  const caps = BUDGET_SCOPES.map((scope): Cap => {
    const cap_nusd = resolved.budgets_nusd[scope];
    const cap_usd = cap_nusd === undefined ? null : usdOf(cap_nusd);
    return { scope, cap_usd, source: "plan", plan_usd: cap_usd };
  });
  return { tenant, plan: resolved.plan, caps, record: undefined };
}

export type CapChange = { readonly scope: BudgetScope; readonly usd: number | null };

/** What stands of the tenant with one cap changed, as the record to write. @param by who changed it, in words. @throws `usage` for a tenant that nobody made. */
export function recordWith(
  settings: Known,
  tenant: string,
  record: TenantRecord | undefined,
  { scope, usd }: CapChange,
  { now_ms, by }: { readonly now_ms: number; readonly by: string },
): TenantRecord {
  const { plan, overrides } = namedOf(settings, tenant, record);
  const budgets = { ...overrides?.budgets, [`${scope}_usd`]: usd };
  return {
    kind: "tenant",
    tenant,
    plan,
    overrides: { ...overrides, budgets },
    updated_ms: now_ms,
    by,
  };
}

function namedOf(settings: Known, tenant: string, record: TenantRecord | undefined) {
  const named = record ?? (Object.hasOwn(settings.tenants, tenant) ? settings.tenants[tenant] : undefined);
  if (named !== undefined) return named;
  throw new SluiceError("usage", `there is no tenant "${tenant}"`, {
    fix: `Known are ${Object.keys(settings.tenants).join(", ")}; sluice.yaml names them under tenants.`,
  });
}
