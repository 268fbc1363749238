/** Tenants as they stand. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tenantsTable, tenantViews } from "../../../cli/tenants/view.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";

const SETTINGS = parseSettings(readFileSync("sluice.yaml", "utf8"), "sluice.yaml");
const record = (tenant: string, plan: string) => ({ kind: "tenant", tenant, plan, updated_ms: 1 }) as const;

test("records stand before the settings file; one with a plan that is gone is not known", () => {
  const overrides = { budgets: { tenant_day_usd: 1 } };
  const views = tenantViews(SETTINGS, [
    record("zeta", "gone"),
    { ...record("acme", "default"), overrides },
    record("demo", "default"),
  ]);
  assert.deepEqual(
    views.map(({ tenant, from, overrides: has, known }) => [tenant, from, has, known]),
    [
      ["acme", "llm.tenants", true, true],
      ["demo", "llm.tenants", false, true],
      ["zeta", "llm.tenants", false, false],
    ],
  );
  assert.match(tenantsTable(views), /zeta +gone \(no such plan\)/);
});

test("what only the settings file names is said there", () => {
  assert.deepEqual(tenantViews(SETTINGS, []), [
    { tenant: "demo", plan: "default", from: "sluice.yaml", overrides: false, known: true },
  ]);
});
