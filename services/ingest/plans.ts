/** Tenants' plans as they stand now: the settings, and what administrators changed since. */
import type { ApplyContext } from "../../libs/shared/budgets/admission-store.ts";
import { type InternalSettings, internalPlan } from "../../libs/shared/budgets/internal-plan.ts";
import { capsOf, type ResolvedPlan, resolvePlan } from "../../libs/shared/budgets/plan.ts";
import type { TenantBook } from "../../libs/shared/budgets/tenant-book.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import { isInternalTenant } from "../../libs/shared/events/shadow.ts";
import type { TenantRecord } from "../../libs/shared/events/tenants.ts";

type Known = { readonly record: TenantRecord | undefined; readonly plan: ResolvedPlan; readonly context: ApplyContext };

export type PlansSettings = Pick<Settings, "plans" | "tenants"> & InternalSettings;

/** Resolved plans are kept until the tenant's record changes; as many as there are tenants. */
export class Plans {
  readonly #settings: PlansSettings;
  readonly #book: Pick<TenantBook, "record">;
  readonly #known = new Map<string, Known>();

  constructor(settings: PlansSettings, book: Pick<TenantBook, "record">) {
    this.#settings = settings;
    this.#book = book;
  }

  /** Undefined for a tenant that nobody knows. */
  of(tenant: string): ResolvedPlan | undefined {
    return this.#find(tenant)?.plan;
  }

  /** What settlements of the tenant are held against. */
  contextOf(tenant: string): ApplyContext | undefined {
    return this.#find(tenant)?.context;
  }

  #find(tenant: string): Known | undefined {
    const record = this.#book.record(tenant);
    const known = this.#known.get(tenant);
    if (known !== undefined && known.record === record) return known;
    // Those of the pipeline itself have what the settings give them, whatever a record says.
    const plan = isInternalTenant(tenant)
      ? internalPlan(this.#settings, tenant)
      : resolvePlan(this.#settings, tenant, record);
    if (plan === undefined) {
      this.#known.delete(tenant);
      return undefined;
    }
    const context = { caps_nusd: capsOf(plan), velocity: plan.velocity };
    const found = { record, plan, context };
    this.#known.set(tenant, found);
    return found;
  }
}
