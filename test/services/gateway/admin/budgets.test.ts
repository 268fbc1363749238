/** Budgets over HTTP: what is shown, and what is set. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CounterRef } from "../../../../libs/shared/budgets/scopes.ts";
import type { Trip } from "../../../../libs/shared/budgets/store-options.ts";
import { TenantBook } from "../../../../libs/shared/budgets/tenant-book.ts";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { TenantRecord } from "../../../../libs/shared/events/tenants.ts";
import { nusd } from "../../../../libs/shared/money.ts";
import { budgetRoutes } from "../../../../services/gateway/admin/budgets.ts";
import type { Budgets, TenantBudget } from "../../../../services/gateway/admin/budgets-shape.ts";
import { ADMIN_ID, adminFixture, NOW_MS } from "./admin-fixture.ts";

const SETTINGS = parseSettings(
  `
tiers: { small: { models: [m] }, vectors: { kind: embeddings, models: [e] } }
routing: { default_tier: small, embeddings_tier: vectors }
prices: { version: "1", models: { m: { input_usd_per_mtok: 1 }, e: { input_usd_per_mtok: 1 } } }
plans:
  default: { budgets: { tenant_day_usd: 10 }, limits: { in_flight_max: 5, tenant: { requests_per_minute: 60 } } }
tenants: { demo: {}, other: {} }
`,
  "test.yaml",
);

function fixture({ lost = false, trip }: { readonly lost?: boolean; readonly trip?: Trip } = {}) {
  const { deps, acts, serve } = adminFixture();
  const book = new TenantBook();
  const records: TenantRecord[] = [];
  /** Settled on 5 March up to noon, and the day before. */
  const settled: Readonly<Record<string, number>> = { "2026-03-05": 6, "2026-03": 9, "2026-03-04": 3 };
  const counters = {
    async read(tenant: string, asked: readonly CounterRef[]) {
      const of = tenant === "demo" ? settled : {};
      return asked.map((counter) => ({ counter, reserved_nusd: 0, settled_nusd: nusd(of[counter.window] ?? 0) }));
    },
    tripped: async (tenant: string) => (tenant === "demo" ? trip : undefined),
    resume: async () => trip !== undefined,
  };
  const server = serve(
    budgetRoutes({
      ...deps,
      settings: SETTINGS,
      book,
      counters,
      life: { epoch: async () => (lost ? undefined : "e1") },
      inFlight: async () => 3,
      tenants: () => ["demo", "other"],
      async publish(record) {
        records.push(record);
        book.apply({ tenant: record.tenant, record });
      },
    }),
  );
  return { ...server, acts, records };
}

describe("budgets over HTTP", () => {
  test("are shown with what is used and where it will end", async () => {
    const { ask } = fixture();
    const { data, lost } = (await ask("GET", "/admin/budgets")).json() as Budgets;
    assert.equal(lost, false);
    assert.deepEqual(
      data.map(({ tenant }) => tenant),
      ["demo", "other"],
    );
    const demo = data[0] as TenantBudget;
    assert.deepEqual([demo.in_flight, demo.in_flight_max, demo.limits.tenant], [3, 5, { requests_per_minute: 60 }]);
    const day = demo.scopes.find(({ scope }) => scope === "tenant_day");
    assert.deepEqual([day?.cap_usd, day?.settled_usd, day?.forecast_usd], [10, 6, 12]);
    // At the rate of half a dollar an hour, the four that are left last for eight hours.
    assert.equal(day?.reached_at, new Date(NOW_MS + 8 * 3_600_000).toISOString());
    const user = demo.scopes.find(({ scope }) => scope === "user_day");
    assert.deepEqual([user?.settled_usd, user?.forecast_usd], [null, null]);
  });

  test("say when their counters are lost", async () => {
    const { ask } = fixture({ lost: true });
    const { data, lost } = (await ask("GET", "/admin/budgets")).json() as Budgets;
    assert.deepEqual([lost, data[0]?.in_flight], [true, 0]);
  });

  test("are set as the command line does, in the name of the key", async () => {
    const { ask, acts, records } = fixture();
    const reply = await ask("POST", "/admin/budgets/demo", { scope: "tenant_day", usd: 4 });
    assert.deepEqual(reply.json(), { tenant: "demo", scope: "tenant_day", old_usd: 10, new_usd: 4 });
    assert.equal(records[0]?.by, `key ${ADMIN_ID}, console`);
    assert.deepEqual(records[0]?.overrides, { budgets: { tenant_day_usd: 4 } });
    const cleared = await ask("POST", "/admin/budgets/demo", { scope: "tenant_day", usd: null });
    assert.deepEqual(cleared.json(), { tenant: "demo", scope: "tenant_day", old_usd: 4, new_usd: null });
    assert.deepEqual(
      acts.map(({ act, key_id }) => [act, key_id]),
      [
        ["budget.set", ADMIN_ID],
        ["budget.set", ADMIN_ID],
      ],
    );
  });

  test("are not set for nobody, to nothing that is money, or by a key that may not", async () => {
    const { ask, askAsReader, records } = fixture();
    assert.equal((await ask("POST", "/admin/budgets/nobody", { scope: "tenant_day", usd: 4 })).statusCode, 404);
    assert.equal((await ask("POST", "/admin/budgets/demo", { scope: "tenant_day", usd: -1 })).statusCode, 400);
    assert.equal((await ask("POST", "/admin/budgets/demo", { scope: "tenant_year", usd: 1 })).statusCode, 400);
    assert.equal((await askAsReader("POST", "/admin/budgets/demo")).statusCode, 403);
    assert.equal((await askAsReader("GET", "/admin/budgets")).statusCode, 403);
    assert.deepEqual(records, []);
  });

  test("stop a tenant until it is resumed", async () => {
    const { ask, acts } = fixture({ trip: { limit_nusd: nusd(2), at_ms: NOW_MS } });
    const { data } = (await ask("GET", "/admin/budgets")).json() as Budgets;
    assert.deepEqual(data[0]?.stopped, { at: new Date(NOW_MS).toISOString(), limit_usd: 2 });
    const reply = await ask("POST", "/admin/budgets/demo/resume");
    assert.deepEqual(reply.json(), { tenant: "demo", resumed: true });
    assert.equal(acts[0]?.["act"], "budget.resume");
    assert.equal((await ask("POST", "/admin/budgets/nobody/resume")).statusCode, 404);
  });

  test("are a tenant's own to see", async () => {
    const { askAsReader } = fixture();
    const own = (await askAsReader("GET", "/v1/budget")).json() as TenantBudget;
    assert.deepEqual([own.tenant, own.scopes.length], ["demo", 5]);
  });
});
