/** What tenants have left of their budgets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { sampleMetrics } from "../../../libs/shared/beats/sampling.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { nusd } from "../../../libs/shared/money.ts";
import { observeBudgetsLeft } from "../../../services/ingest/budgets-left.ts";

function observed() {
  const registry = new Registry();
  const state = { away: false };
  const asked = observeBudgetsLeft(registry, {
    tenants_max: 2,
    clock: { now_ms: () => 0 },
    log: silentLog,
    plans: {
      contextOf: (tenant) => {
        if (tenant === "free") return { caps_nusd: {} };
        return { caps_nusd: { tenant_day: nusd(10), user_day: nusd(1) } };
      },
    },
    store: {
      async read(tenant, counters) {
        if (state.away) throw unavailable("redis", new Error("no connection"));
        const settled_nusd = nusd(tenant === "over" ? 20 : 4);
        return counters.map((counter) => ({ counter, reserved_nusd: nusd(1), settled_nusd }));
      },
    },
  });
  const left = async (): Promise<string[]> =>
    (await sampleMetrics(registry, ["sluice_budget_left_usd"])).map(
      ({ labels, value }) => `${labels["tenant"]} ${labels["scope"]} ${value}`,
    );
  return { asked, left, state };
}

test("is told of the tenants that ask, for the caps that a tenant as a whole has", async () => {
  const { asked, left, state } = observed();
  assert.deepEqual(await left(), []);
  asked("free");
  asked("demo");
  assert.deepEqual(await left(), ["demo tenant_day 5"]);
  state.away = true;
  assert.deepEqual(await left(), [], "nobody knows while Redis is away");
});

test("is never below nothing, and of no more tenants than may have a label", async () => {
  const { asked, left } = observed();
  for (const tenant of ["over", "over", "demo", "demo", "third"]) asked(tenant);
  assert.deepEqual(await left(), ["over tenant_day 0", "demo tenant_day 5"]);
});
