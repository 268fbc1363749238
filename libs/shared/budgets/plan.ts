/** What a tenant may have: its plan with its overrides, money in nano-dollars. Pure. */
import type { Overrides, PlanSettings } from "../config/plans.ts";
import type { Settings } from "../config/schema.ts";
import type { TenantRecord } from "../events/tenants.ts";
import { nusd } from "../money.ts";
import type { ApplyContext, RateAsk } from "./admission-store.ts";
import { BUDGET_SCOPES, type BudgetScope, COUNTER_SCOPES, type CounterScope } from "./scopes.ts";

export type ResolvedPlan = Omit<PlanSettings, "budgets" | "velocity"> & {
  /** The plan's name. */
  readonly plan: string;
  /** Nano-dollars by scope; a scope without a cap is not there. */
  readonly budgets_nusd: Readonly<Partial<Record<BudgetScope, number>>>;
  readonly velocity?: ApplyContext["velocity"];
};

/**
 * The plan of the tenant as `sluice.yaml` or its record names it, with the overrides applied field by field; `null` takes away.
 * @param record of `llm.tenants`: replaces what the settings say of the tenant.
 * @returns undefined for a tenant that nobody made, and for one whose plan is not there (any more): neither may spend.
 */
export function resolvePlan(
  settings: Pick<Settings, "plans" | "tenants">,
  tenant: string,
  record?: Pick<TenantRecord, "plan" | "overrides">,
): ResolvedPlan | undefined {
  const named = record ?? own(settings.tenants, tenant);
  const plan = named === undefined ? undefined : own(settings.plans, named.plan);
  if (named === undefined || plan === undefined) return undefined;
  const changes: Overrides = named.overrides ?? {};
  const { budgets, velocity, ...rest } = plan;
  const with_changes = merged(rest, {
    weight: changes.weight,
    tiers: changes.tiers,
    features: changes.features,
    max_output_tokens: changes.max_output_tokens,
  });
  const capped = merged(budgets, changes.budgets);
  const speed = changes.velocity === undefined ? velocity : (changes.velocity ?? undefined);
  return {
    ...with_changes,
    plan: named.plan,
    limits: merged(plan.limits, {
      tenant: merged(plan.limits.tenant, changes.limits?.tenant),
      user: merged(plan.limits.user, changes.limits?.user),
      key: merged(plan.limits.key, changes.limits?.key),
      in_flight_max: changes.limits?.in_flight_max,
    }),
    budgets_nusd: Object.fromEntries(
      BUDGET_SCOPES.flatMap((scope) => {
        const cap_usd = capped[`${scope}_usd`];
        return cap_usd === undefined ? [] : [[scope, nusd(cap_usd)]];
      }),
    ),
    ...(speed === undefined ? {} : { velocity: { window_s: speed.window_s, usd_nusd: nusd(speed.usd) } }),
  };
}

/** Caps of the counters, in nano-dollars. */
export function capsOf({ budgets_nusd }: Pick<ResolvedPlan, "budgets_nusd">): Partial<Record<CounterScope, number>> {
  return Object.fromEntries(
    COUNTER_SCOPES.flatMap((scope) => (budgets_nusd[scope] === undefined ? [] : [[scope, budgets_nusd[scope]]])),
  );
}

/**
 * The limits that a request is held against: of all tenants, its tenant, its user and its key, where there are any.
 * All are kept by the plan's algorithm, but for the one that all tenants share, which is a sliding window.
 */
export function ratesOf(
  { limits }: Pick<ResolvedPlan, "limits">,
  global: Settings["admission"]["global"],
  { user, key_id }: { readonly user?: string | undefined; readonly key_id?: string | undefined },
): RateAsk[] {
  const { algorithm, burst_s } = limits;
  const asks = [
    { scope: "global", subject: "", algorithm: "sliding_window", burst_s, ...global },
    { scope: "tenant", subject: "", algorithm, burst_s, ...limits.tenant },
    ...(user === undefined ? [] : [{ scope: "user", subject: user, algorithm, burst_s, ...limits.user } as const]),
    ...(key_id === undefined ? [] : [{ scope: "key", subject: key_id, algorithm, burst_s, ...limits.key } as const]),
  ] as const satisfies readonly RateAsk[];
  return asks.filter(
    (ask: RateAsk) =>
      ask.requests_per_minute !== undefined ||
      ask.tokens_per_minute !== undefined ||
      ask.requests_per_day !== undefined,
  );
}

/** Fields that are undefined leave what was; those that are null take it away. */
function merged<T extends object>(base: T, changes: Readonly<Record<string, unknown>> | undefined): T {
  const given = Object.entries(changes ?? {}).filter(([, value]) => value !== undefined);
  const all = Object.entries({ ...base, ...Object.fromEntries(given) });
  return Object.fromEntries(all.filter(([, value]) => value !== null && value !== undefined)) as T;
}

/** Names come from requests: `constructor` and the like are nobody's. */
function own<T>(map: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}
