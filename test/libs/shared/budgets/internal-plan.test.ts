/** What the pipeline's own tenants may spend. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { internalPlan } from "../../../../libs/shared/budgets/internal-plan.ts";
import { capsOf } from "../../../../libs/shared/budgets/plan.ts";

const settings = {
  routing: { shadows: { "try-large": { to: "large", share: 0.1, budget_day_usd: 3 } } },
  cache: { semantic: { checks: { budget_day_usd: 0.25 } } },
};

describe("a plan of the pipeline's own", () => {
  const table: readonly (readonly [tenant: string, day_nusd: number | undefined])[] = [
    ["sluice.cache-check", 0.25e9],
    ["sluice.shadow.try-large", 3e9],
    ["sluice.shadow.gone", undefined],
    ["sluice.other", undefined],
    ["demo", undefined],
  ];
  for (const [tenant, tenant_day] of table) {
    test(`${tenant}: ${tenant_day ?? "none"}`, () => {
      const plan = internalPlan(settings, tenant);
      assert.deepEqual(
        plan === undefined ? undefined : capsOf(plan),
        tenant_day === undefined ? undefined : { tenant_day },
      );
    });
  }
});
