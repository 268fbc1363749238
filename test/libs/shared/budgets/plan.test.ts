/** A tenant's plan with its overrides: field by field, and nobody else's. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { capsOf, ratesOf, resolvePlan } from "../../../../libs/shared/budgets/plan.ts";
import { overridesSchema, planSchema, tenantSettingsSchema } from "../../../../libs/shared/config/plans.ts";

const plans = {
  default: planSchema.parse({}),
  paid: planSchema.parse({
    weight: 3,
    limits: {
      tenant: { requests_per_minute: 60, tokens_per_minute: 1000 },
      user: { requests_per_day: 5 },
      in_flight_max: 7,
    },
    budgets: { request_usd: 0.5, tenant_day_usd: 10, user_day_usd: 1.000000001 },
    velocity: { window_s: 60, usd: 2 },
    tiers: ["small"],
    features: ["chat"],
    max_output_tokens: 100,
  }),
};
const settingsOf = (overrides: unknown, plan = "paid") => ({
  plans,
  tenants: { acme: tenantSettingsSchema.parse({ plan, overrides: overrides ?? undefined }) },
});

describe("resolvePlan", () => {
  test("a plan without overrides is as it stands, money in nano-dollars", () => {
    const plan = resolvePlan(settingsOf(undefined), "acme");
    assert.ok(plan);
    assert.deepEqual(plan.budgets_nusd, { request: 500_000_000, tenant_day: 10_000_000_000, user_day: 1_000_000_001 });
    assert.deepEqual(plan.velocity, { window_s: 60, usd_nusd: 2_000_000_000 });
    assert.equal(plan.plan, "paid");
    assert.equal(plan.weight, 3);
    assert.deepEqual(plan.limits, plans.paid.limits);
    assert.deepEqual(capsOf(plan), { tenant_day: 10_000_000_000, user_day: 1_000_000_001 });
  });

  test("overrides replace fields one by one, and null takes one away", () => {
    const plan = resolvePlan(
      settingsOf({
        limits: { tenant: { tokens_per_minute: null, requests_per_day: 9 }, in_flight_max: null },
        budgets: { tenant_day_usd: 20, user_day_usd: null, session_usd: 0 },
        velocity: null,
        tiers: null,
        features: ["embeddings"],
      }),
      "acme",
    );
    assert.ok(plan);
    assert.deepEqual(plan.limits.tenant, { requests_per_minute: 60, requests_per_day: 9 });
    assert.deepEqual(plan.limits.user, { requests_per_day: 5 });
    assert.equal("in_flight_max" in plan.limits, false);
    assert.deepEqual(plan.budgets_nusd, { request: 500_000_000, session: 0, tenant_day: 20_000_000_000 });
    assert.equal("velocity" in plan, false);
    assert.equal("tiers" in plan, false);
    assert.deepEqual(plan.features, ["embeddings"]);
    assert.equal(plan.max_output_tokens, 100);
  });

  test("a record replaces what the settings say of the tenant, and makes one that they do not have", () => {
    const record = { plan: "default", overrides: overridesSchema.parse({ budgets: { tenant_month_usd: 1 } }) };
    const settings = settingsOf({ weight: 9 });
    for (const tenant of ["acme", "new"]) {
      const plan = resolvePlan(settings, tenant, record);
      assert.equal(plan?.weight, 1);
      assert.deepEqual(plan?.budgets_nusd, { tenant_month: 1_000_000_000 });
    }
  });

  test("nobody else has a plan", () => {
    for (const name of ["other", "constructor", "__proto__", ""]) {
      assert.equal(resolvePlan(settingsOf(undefined), name), undefined);
    }
    assert.equal(resolvePlan(settingsOf(undefined), "acme", { plan: "toString" }), undefined);
  });
});

describe("ratesOf", () => {
  const plan = resolvePlan(settingsOf(undefined), "acme");
  assert.ok(plan);

  test("asks for the limits that there are", () => {
    const scopes = (...of: Parameters<typeof ratesOf>) => ratesOf(...of).map(({ scope, subject }) => [scope, subject]);
    assert.deepEqual(scopes(plan, {}, { user: "u", key_id: "k" }), [
      ["tenant", ""],
      ["user", "u"],
    ]);
    assert.deepEqual(scopes(plan, { requests_per_day: 1 }, {}), [
      ["global", ""],
      ["tenant", ""],
    ]);
    assert.deepEqual(ratesOf(plan, {}, {}), [
      {
        scope: "tenant",
        subject: "",
        algorithm: "sliding_window",
        burst_s: 10,
        requests_per_minute: 60,
        tokens_per_minute: 1000,
      },
    ]);
  });
});
