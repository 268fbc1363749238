/** Plans as they stand now. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TenantBook } from "../../../libs/shared/budgets/tenant-book.ts";
import { planSchema, tenantSettingsSchema } from "../../../libs/shared/config/plans.ts";
import type { TenantRecord } from "../../../libs/shared/events/tenants.ts";
import { Plans } from "../../../services/ingest/plans.ts";
import { inRecord } from "../../support/memory-ports.ts";
import { BODY, setUp } from "./ingest-fixture.ts";

const settings = {
  routing: { shadows: { try: { to: "large", share: 0.1, budget_day_usd: 3 } } },
  cache: { semantic: { checks: { budget_day_usd: 1 } } },
  plans: {
    small: planSchema.parse({ budgets: { request_usd: 1, tenant_day_usd: 2 }, velocity: { window_s: 60, usd: 3 } }),
    large: planSchema.parse({ budgets: { tenant_month_usd: 100 } }),
  },
  tenants: { acme: tenantSettingsSchema.parse({ plan: "small" }) },
};
const recordOf = (tenant: string, plan: string, overrides?: TenantRecord["overrides"]): TenantRecord => ({
  kind: "tenant",
  tenant,
  plan,
  updated_ms: 1,
  ...(overrides === undefined ? {} : { overrides }),
});
function plansAndBook() {
  const book = new TenantBook();
  const plans = new Plans(settings, book);
  return { plans, put: (record: TenantRecord) => book.apply({ tenant: record.tenant, record }), book };
}

describe("a tenant's plan", () => {
  test("is the one of the settings, resolved once", () => {
    const { plans } = plansAndBook();
    assert.equal(plans.of("acme")?.plan, "small");
    assert.equal(plans.of("acme"), plans.of("acme"));
    assert.equal(plans.contextOf("acme"), plans.contextOf("acme"));
    assert.deepEqual(plans.contextOf("acme"), {
      caps_nusd: { tenant_day: 2e9 },
      velocity: { window_s: 60, usd_nusd: 3e9 },
    });
  });

  test("of a tenant that nobody knows is none", () => {
    const { plans } = plansAndBook();
    for (const tenant of ["who", "constructor", ""]) {
      assert.deepEqual([plans.of(tenant), plans.contextOf(tenant)], [undefined, undefined]);
    }
  });

  test("follows the tenant's record: made, changed, changed again, taken away", () => {
    const { plans, put, book } = plansAndBook();
    assert.equal(plans.of("acme")?.plan, "small");
    put(recordOf("acme", "large", { max_output_tokens: 5 }));
    assert.deepEqual([plans.of("acme")?.plan, plans.of("acme")?.max_output_tokens], ["large", 5]);
    assert.deepEqual(plans.contextOf("acme"), { caps_nusd: { tenant_month: 100e9 }, velocity: undefined });
    put(recordOf("acme", "large", { max_output_tokens: 6 }));
    assert.equal(plans.of("acme")?.max_output_tokens, 6);
    assert.equal(plans.of("acme"), plans.of("acme"));
    book.apply({ tenant: "acme", record: undefined });
    assert.equal(plans.of("acme")?.plan, "small");
  });

  test("is there for a tenant that only its record makes, and gone with it, or with the plan that it names", () => {
    const { plans, put, book } = plansAndBook();
    assert.equal(plans.of("new"), undefined);
    put(recordOf("new", "large"));
    assert.equal(plans.of("new")?.plan, "large");
    put(recordOf("new", "nothing"));
    assert.equal(plans.of("new"), undefined);
    put(recordOf("new", "small"));
    assert.equal(plans.of("new")?.plan, "small");
    book.apply({ tenant: "new", record: undefined });
    assert.equal(plans.of("new"), undefined);
  });
});

test("ingest admits by the plan as it stands when it reads", async () => {
  const { handle, book, admitted, told, outcomes } = await setUp();
  const request = (offset: number, tenant: string) => inRecord({ tenant, id: `r${offset}`, body: BODY }, { offset });
  await handle([request(0, "demo"), request(1, "new")]);
  for (const tenant of ["demo", "new"]) book.apply({ tenant, record: recordOf(tenant, "other") });
  await handle([request(2, "demo"), request(3, "new")]);
  assert.deepEqual(told.fates, ["admitted", "rejected", "admitted", "admitted"]);
  assert.equal(outcomes()[0]?.error.code, "tenant_unknown");
  assert.deepEqual(
    admitted().map(({ id, max_output_tokens }) => [id, max_output_tokens]),
    [
      ["r0", undefined],
      ["r2", 7],
      ["r3", 7],
    ],
  );
});
