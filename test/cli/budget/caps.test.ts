import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { explanation, Largest } from "../../../cli/budget/explain.ts";
import { scopesTable, stoppedLine } from "../../../cli/budget/view.ts";
import { type Cap, recordWith, standingOf } from "../../../libs/shared/budgets/caps.ts";
import { resolvePlan } from "../../../libs/shared/budgets/plan.ts";
import { scopeViews, stoppedView } from "../../../libs/shared/budgets/scope-views.ts";
import { countersOf } from "../../../libs/shared/budgets/scopes.ts";
import { planSchema } from "../../../libs/shared/config/plans.ts";
import { type TenantRecord, tenantRecordSchema } from "../../../libs/shared/events/tenants.ts";
import type { UsageEntry } from "../../../libs/shared/events/usage.ts";
import { nusd } from "../../../libs/shared/money.ts";

const NOW_MS = Date.parse("2026-11-21T10:00:00Z");
const MARK = { now_ms: NOW_MS, by: "sluice budget set" };
const settings = {
  plans: { default: planSchema.parse({ budgets: { tenant_day_usd: 5, user_day_usd: 1, request_usd: 0.1 } }) },
  tenants: {
    demo: { plan: "default" },
    tuned: { plan: "default", overrides: { weight: 3, budgets: { user_day_usd: null, tenant_month_usd: 50 } } },
    lost: { plan: "gone" },
  },
};
const short = (caps: readonly Cap[]) =>
  Object.fromEntries(caps.map(({ scope, cap_usd, source }) => [scope, `${cap_usd} ${source}`]));

test("each cap comes from the plan, the settings' overrides or the record", () => {
  assert.deepEqual(short(standingOf(settings, "tuned", undefined).caps), {
    request: "0.1 plan",
    session: "null plan",
    user_day: "null settings",
    tenant_day: "5 plan",
    tenant_month: "50 settings",
  });
});

test("setting a cap keeps what stands, and takes it as admission does", () => {
  const first = recordWith(settings, "tuned", undefined, { scope: "tenant_day", usd: 0.5 }, MARK);
  const second = recordWith(settings, "tuned", first, { scope: "request", usd: null }, MARK);
  assert.deepEqual(tenantRecordSchema.parse(second), second);
  assert.equal(second.overrides?.weight, 3);
  const { caps } = standingOf(settings, "tuned", second);
  assert.deepEqual(short(caps), {
    request: "null record",
    session: "null plan",
    user_day: "null record",
    tenant_day: "0.5 record",
    tenant_month: "50 record",
  });
  const plan = resolvePlan(settings, "tuned", second);
  const resolved = caps.flatMap(({ scope, cap_usd }) => (cap_usd === null ? [] : [[scope, nusd(cap_usd)]]));
  assert.deepEqual(plan?.budgets_nusd, Object.fromEntries(resolved));
});

test("an unknown tenant and a plan that is gone are refused with the fix", () => {
  assert.throws(() => standingOf(settings, "constructor", undefined), /there is no tenant "constructor"/);
  assert.throws(() => standingOf(settings, "lost", undefined), /the plan "gone", which does not exist/);
});

const sums = countersOf({ user: "u" }, NOW_MS).map((counter) => ({
  counter,
  reserved_nusd: 250_000_000,
  settled_nusd: 1_000_000_001,
}));

test("what is used is shown by scope; what was not named is null", () => {
  const views = scopeViews(standingOf(settings, "demo", undefined).caps, sums, NOW_MS);
  assert.deepEqual(views, [
    { scope: "request", cap_usd: 0.1, reserved_usd: null, settled_usd: null, resets_at: null },
    { scope: "session", cap_usd: null, reserved_usd: null, settled_usd: null, resets_at: null },
    {
      scope: "user_day",
      cap_usd: 1,
      reserved_usd: 0.25,
      settled_usd: 1.000000001,
      resets_at: "2026-11-22T00:00:00.000Z",
    },
    {
      scope: "tenant_day",
      cap_usd: 5,
      reserved_usd: 0.25,
      settled_usd: 1.000000001,
      resets_at: "2026-11-22T00:00:00.000Z",
    },
    {
      scope: "tenant_month",
      cap_usd: null,
      reserved_usd: 0.25,
      settled_usd: 1.000000001,
      resets_at: "2026-12-01T00:00:00.000Z",
    },
  ]);
  const lines = scopesTable(views)
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(lines[3], ["user_day", "$1.00", "$0.25", "$1.000000001", "$0.00", "2026-11-22T00:00Z"]);
  assert.deepEqual(lines[4], ["tenant_day", "$5.00", "$0.25", "$1.000000001", "$3.749999999", "2026-11-22T00:00Z"]);
});

test("a stop says since when, why, and what lifts it", () => {
  const stopped = stoppedView({ at_ms: NOW_MS, limit_nusd: 2_000_000_000 });
  assert.deepEqual(stopped, { at: "2026-11-21T10:00:00.000Z", limit_usd: 2 });
  assert.match(stopped === null ? "" : stoppedLine("demo", stopped), /more than \$2\.00 .*sluice budget resume demo/);
  assert.equal(stoppedView(undefined), null);
});

test("the explanation says in words where caps come from and what uses them", () => {
  const record: TenantRecord = recordWith(settings, "demo", undefined, { scope: "tenant_day", usd: 2 }, MARK);
  const standing = standingOf(settings, "demo", record);
  const largest = new Largest("demo");
  for (const [id, settled_nusd] of [
    ["small", 1],
    ["none", 0],
    ["large", 9_000_000],
  ] as const) {
    largest.add({ ...entry(id), settled_nusd });
  }
  largest.add({ ...entry("others"), tenant: "acme", settled_nusd: 10_000_000 });
  const text = explanation(standing, scopeViews(standing.caps, sums, NOW_MS), largest.entries);
  assert.match(text, /demo has the plan "default", as its record .* by `sluice budget set`/);
  assert.match(text, /request +at most \$0\.10 \(plan "default"\): each request by itself/);
  assert.match(text, /session +no cap \(plan "default"\): name one with --session/);
  assert.match(
    text,
    /tenant_day +at most \$2\.00 \(its record; the plan has \$5\.00\): \$1\.000000001 spent and \$0\.25 held/,
  );
  assert.match(text, /\$0\.749999999 left \(62 % used\); begins anew 2026-11-22/);
  assert.match(text, /\$0\.009 .* large\n.*\$0\.000000001 .* small$/);
  assert.match(explanation(standing, [], []), /nothing of demo was settled today$/);
});

function entry(id: string): UsageEntry {
  return {
    ...{ kind: "settled", cause: "result", tenant: "demo", id, hold_id: "h", at_ms: NOW_MS },
    ...{ reserved_nusd: 0, settled_nusd: 0, counters: [], user: "alice", model: "m" },
  };
}

describe("a tenant of the pipeline's own", () => {
  const own = {
    ...settings,
    routing: { shadows: { try: { to: "large", share: 0.1, budget_day_usd: 3 } } },
    cache: { semantic: { checks: { budget_day_usd: 0.5 } } },
  };

  test("has the cap that the settings give it, and no other", () => {
    for (const [tenant, usd] of [
      ["sluice.cache-check", 0.5],
      ["sluice.shadow.try", 3],
    ] as const) {
      const capped = standingOf(own, tenant, undefined).caps.filter(({ cap_usd }) => cap_usd !== null);
      assert.deepEqual(capped, [{ scope: "tenant_day", cap_usd: usd, source: "plan", plan_usd: usd }]);
    }
  });

  test("is nobody's to change, and unknown where the settings do not have it", () => {
    const change = { scope: "tenant_day", usd: 9 } as const;
    assert.throws(() => recordWith(own, "sluice.cache-check", undefined, change, MARK), { code: "usage" });
    assert.throws(() => standingOf(own, "sluice.shadow.gone", undefined), { code: "usage" });
  });
});
