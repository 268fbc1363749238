/** How a tenant stands with its budgets: caps by its plan and record, counters, forecasts. */
import type { CountersLife } from "../../../libs/shared/budgets/admission-store.ts";
import { standingOf } from "../../../libs/shared/budgets/caps.ts";
import { forecastOf, rateOfDay, rateOfDays } from "../../../libs/shared/budgets/forecast.ts";
import { type ResolvedPlan, resolvePlan } from "../../../libs/shared/budgets/plan.ts";
import { type ScopeView, scopeViews, stoppedView } from "../../../libs/shared/budgets/scope-views.ts";
import { countersOf, windowOf } from "../../../libs/shared/budgets/scopes.ts";
import type { TenantCounters } from "../../../libs/shared/budgets/store-options.ts";
import type { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { usdOf } from "../../../libs/shared/money.ts";
import type { TenantBudget } from "./budgets-shape.ts";

export type BudgetLookDeps = {
  readonly settings: Pick<Settings, "plans" | "tenants" | "routing" | "cache">;
  readonly book: TenantBook;
  readonly counters: TenantCounters;
  readonly life: Pick<CountersLife, "epoch">;
  /** Admitted and not yet ended, in that life of the counters. */
  readonly inFlight: (epoch: string, tenant: string) => Promise<number>;
};

const DAY_MS = 86_400_000;
/** Counters of days are kept for as long. */
const DAYS_BEFORE = 3;

/** @returns undefined for a tenant that nobody made, or whose plan is gone. @throws retryable while Redis is away. */
export async function lookAt(deps: BudgetLookDeps, tenant: string, now_ms: number): Promise<TenantBudget | undefined> {
  const { settings, book, counters } = deps;
  const plan = resolvePlan(settings, tenant, book.record(tenant));
  if (plan === undefined) return undefined;
  const standing = standingOf(settings, tenant, book.record(tenant));
  const refs = countersOf({}, now_ms);
  const before = Array.from({ length: DAYS_BEFORE }, (_, at) => ({
    ...{ scope: "tenant_day" as const, subject: "" },
    window: windowOf("tenant_day", now_ms - (at + 1) * DAY_MS),
  }));
  const [sums, trip, epoch] = await Promise.all([
    counters.read(tenant, [...refs, ...before]),
    counters.tripped(tenant),
    deps.life.epoch(),
  ]);
  const views = scopeViews(standing.caps, sums.slice(0, refs.length), now_ms);
  const before_usd = sums.slice(refs.length).map(({ settled_nusd }) => usdOf(settled_nusd));
  const scopes = standing.caps.map((cap, at) => {
    const view = views[at] as ScopeView;
    return { ...cap, ...view, ...forecastsOf(views, view, before_usd, now_ms) };
  });
  return {
    tenant,
    plan: standing.plan,
    scopes,
    stopped: stoppedView(trip),
    ...limitsOf(plan),
    in_flight: epoch === undefined ? 0 : await deps.inFlight(epoch, tenant),
  };
}

function limitsOf({ limits, velocity }: ResolvedPlan): Pick<TenantBudget, "limits" | "velocity" | "in_flight_max"> {
  return {
    limits: { tenant: limits.tenant, user: limits.user, key: limits.key },
    velocity: velocity === undefined ? null : { usd: usdOf(velocity.usd_nusd), window_s: velocity.window_s },
    in_flight_max: limits.in_flight_max ?? null,
  };
}

/** Of the tenant's own windows; those of users and sessions have a counter each. */
function forecastsOf(views: readonly ScopeView[], view: ScopeView, before_usd: readonly number[], now_ms: number) {
  const { scope, cap_usd, reserved_usd, settled_usd, resets_at } = view;
  if ((scope !== "tenant_day" && scope !== "tenant_month") || resets_at === null) {
    return { forecast_usd: null, reached_at: null };
  }
  const today_usd = views.find((one) => one.scope === "tenant_day")?.settled_usd ?? 0;
  const rateOf = scope === "tenant_day" ? rateOfDay : rateOfDays;
  const { end_usd, reached_ms } = forecastOf({
    used_usd: (reserved_usd ?? 0) + (settled_usd ?? 0),
    cap_usd,
    rate_usd: rateOf({ today_usd, before_usd }, now_ms),
    now_ms,
    end_ms: Date.parse(resets_at),
  });
  return { forecast_usd: end_usd, reached_at: reached_ms === null ? null : new Date(reached_ms).toISOString() };
}
