/** Budgets and limits: of every tenant for an administrator, who may set caps and let a stopped tenant go on; of its own for a tenant. */
import { recordWith, standingOf } from "../../../libs/shared/budgets/caps.ts";
import type { BudgetScope } from "../../../libs/shared/budgets/scopes.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { TenantRecord } from "../../../libs/shared/events/tenants.ts";
import { callerOf, documented, type Routes } from "../route.ts";
import { sendNone, sendProblem } from "../sending.ts";
import { type AdminDeps, actor, adminDoc, adminOf, askedOf, noteAct } from "./acting.ts";
import { type BudgetLookDeps, lookAt } from "./budget-looks.ts";
import {
  type Budgets,
  budgetsSchema,
  capChangedSchema,
  capChangeSchema,
  type TenantBudget,
  tenantBudgetSchema,
} from "./budgets-shape.ts";

export type BudgetRoutesDeps = AdminDeps &
  BudgetLookDeps & {
    /** The names of all tenants. */
    readonly tenants: () => readonly string[];
    /** Resolves when the record is acknowledged. */
    readonly publish: (record: TenantRecord) => Promise<void>;
  };

/** Shown at once. */
const TENANTS_MAX = 500;
const AT_ONCE = 16;

type One = { readonly Params: { readonly tenant: string } };

export function budgetRoutes(deps: BudgetRoutesDeps): Routes {
  const { keys, clock, counters } = deps;
  const unknown = { 404: { what: "There is no such tenant" } };
  const all = adminDoc("Budgets and limits of all tenants", {
    replies: { 200: { what: "Each tenant, with what of its caps is used", json: budgetsSchema } },
  });
  const set = adminDoc("Set a cap, or take it away", {
    body: capChangeSchema,
    replies: { 200: { what: "It holds within a second", json: capChangedSchema }, ...unknown },
  });
  const resume = adminDoc("Let a tenant go on that its spend velocity stopped", {
    replies: { 200: { what: "Whether it was stopped" }, ...unknown },
  });
  const own = documented({
    summary: "The tenant's budgets and limits",
    tag: "Usage",
    scope: "read",
    replies: { 200: { what: "Its caps and what of each is used", json: tenantBudgetSchema }, ...unknown },
  });
  return (app) => {
    app.get("/admin/budgets", all, async (http, reply) => {
      return adminOf(deps, http, reply) === undefined ? reply : reply.send(await budgetsOf(deps));
    });
    app.post<One>("/admin/budgets/:tenant", set, async (http, reply) => {
      const asking = askedOf(deps, capChangeSchema, "body", http, reply);
      if (asking === undefined) return reply;
      const { caller, asked } = asking;
      const { tenant } = http.params;
      if (!deps.tenants().includes(tenant)) return sendNone(reply, "tenant", "there is no such tenant");
      const changed = changedOf(deps, tenant, asked.scope, (standing) =>
        recordWith(deps.settings, tenant, standing, asked, { now_ms: clock.now_ms(), by: `${actor(caller)}, console` }),
      );
      if (typeof changed === "string") return sendProblem(reply, { param: "tenant", message: changed });
      await deps.publish(changed.record);
      const { old_usd, new_usd } = changed;
      noteAct(deps, caller, "budget.set", { tenant, scope: asked.scope, old_usd, new_usd });
      return reply.send({ tenant, scope: asked.scope, old_usd, new_usd });
    });
    app.post<One>("/admin/budgets/:tenant/resume", resume, async (http, reply) => {
      const caller = adminOf(deps, http, reply);
      if (caller === undefined) return reply;
      const { tenant } = http.params;
      if (!deps.tenants().includes(tenant)) return sendNone(reply, "tenant", "there is no such tenant");
      const resumed = await counters.resume(tenant);
      noteAct(deps, caller, "budget.resume", { tenant, resumed });
      return reply.send({ tenant, resumed });
    });
    app.get("/v1/budget", own, async (http, reply) => {
      const caller = callerOf(keys, http, "read", reply);
      if (caller === undefined) return reply;
      const found = await lookAt(deps, caller.tenant, clock.now_ms());
      return found === undefined ? sendNone(reply, "tenant", "the tenant has no plan") : reply.send(found);
    });
  };
}

async function budgetsOf(deps: BudgetRoutesDeps): Promise<Budgets> {
  const now_ms = deps.clock.now_ms();
  const lost = (await deps.life.epoch()) === undefined;
  const data: TenantBudget[] = [];
  const tenants = deps.tenants().slice(0, TENANTS_MAX);
  // Some at a time: many tenants are not to take all of Redis at once.
  for (let at = 0; at < tenants.length; at += AT_ONCE) {
    const some = await Promise.all(tenants.slice(at, at + AT_ONCE).map((tenant) => lookAt(deps, tenant, now_ms)));
    data.push(...some.filter((one) => one !== undefined));
  }
  return { object: "list", data, lost };
}

type Changed = { readonly record: TenantRecord; readonly old_usd: number | null; readonly new_usd: number | null };

/** @returns in words why it cannot be changed. */
function changedOf(
  { settings, book }: BudgetLookDeps,
  tenant: string,
  scope: BudgetScope,
  change: (standing: TenantRecord | undefined) => TenantRecord,
): Changed | string {
  const capOf = (record: TenantRecord | undefined): number | null =>
    standingOf(settings, tenant, record).caps.find((cap) => cap.scope === scope)?.cap_usd ?? null;
  try {
    const standing = book.record(tenant);
    const record = change(standing);
    return { record, old_usd: capOf(standing), new_usd: capOf(record) };
  } catch (error) {
    if (error instanceof SluiceError && error.code === "usage") return error.message;
    throw error;
  }
}
