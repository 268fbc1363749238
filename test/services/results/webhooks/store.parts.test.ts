/** Deliveries on a real Postgres: leased to one, saved by the holder alone, swept; and the whole way to a listener that verifies them. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import OpenAI from "openai";
import { systemClock } from "../../../../libs/shared/clock.ts";
import { webhooksSchema } from "../../../../libs/shared/config/gateway.ts";
import { silentLog } from "../../../../libs/shared/log.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { PostgresEndpoints } from "../../../../libs/shared/webhooks/endpoints.ts";
import { createGuardedClient } from "../../../../libs/shared/webhooks/guarded-client.ts";
import { PostgresOutbox } from "../../../../libs/shared/webhooks/outbox.ts";
import { secretText, webhookSecret } from "../../../../libs/shared/webhooks/signing.ts";
import { urlRulesOf } from "../../../../libs/shared/webhooks/url-rules.ts";
import { WebhookDeliverer } from "../../../../services/results/webhooks/deliverer.ts";
import { type Due, PostgresDeliveries } from "../../../../services/results/webhooks/store.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";
import { until } from "../../../support/until.ts";

const START_MS = 1_800_000_000_000;
const LEASE_MS = 60_000;
const KEY = "a key of the service";

describe("deliveries in Postgres", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  let store: PostgresDeliveries;
  let now_ms = START_MS;
  let leases = 0;
  const clock = { now_ms: () => now_ms, after: () => ({ cancel() {} }) };
  const attempt = (more: object = {}) => ({ at_ms: now_ms, duration_ms: 5, status: 200, error: null, ...more });

  const endpoint = (tenant: string, id: string, url = `https://${id}.example/a`) =>
    new PostgresEndpoints(database.pool).create(
      { tenant, id, url, events: ["*"], description: null, created_ms: 1 },
      99,
    );
  const add = (tenant: string, ...subjects: string[]) =>
    new PostgresOutbox(database.pool, clock).add(
      subjects.map((subject) => ({ tenant, subject, type: "request.completed", at_ms: START_MS })),
    );
  const lease = (count = 100, more: object = {}): Promise<Due[]> => {
    leases += 1;
    return store.lease({
      ...{ now_ms, lease_ms: LEASE_MS, lease: `lease-${leases}`, count, host_max: 100, tenant_max: 100 },
      ...{ hosts: new Map(), tenants: new Map(), ...more },
    });
  };
  const one = async (): Promise<Due> => (await lease(1))[0] as Due;
  const row = async (id: string) =>
    (await database.pool.query("SELECT * FROM sluice_deliveries WHERE id = $1", [id])).rows[0] as Record<
      string,
      unknown
    >;

  before(async () => {
    database = await createDatabase("deliveries");
    await migrate(database.pool);
    store = new PostgresDeliveries(database.pool);
  });
  after(() => database.drop());
  beforeEach(async () => {
    now_ms = START_MS;
    await database.pool.query("TRUNCATE sluice_webhooks, sluice_deliveries CASCADE");
  });

  test("each goes to one of many who ask, and to another when the lease is over", async () => {
    await endpoint("demo", "a");
    await add("demo", ...Array.from({ length: 40 }, (_, index) => `r${index}`));
    const taken = (await Promise.all(Array.from({ length: 4 }, () => lease(10)))).flat();
    assert.ok(taken.length > 0);
    assert.equal(new Set(taken.map(({ id }) => id)).size, taken.length);
    const rest = await lease();
    assert.equal(taken.length + rest.length, 40);
    assert.deepEqual(await lease(), []);
    now_ms += LEASE_MS;
    assert.equal((await lease()).length, 40);
  });

  test("has what it is made of, and who signs", async () => {
    await endpoint("demo", "a");
    await add("demo", "r1");
    const { lease: held, id, event_id, ...due } = await one();
    assert.ok(held !== "" && id.startsWith("dlv_") && event_id.startsWith("evt_"));
    assert.deepEqual(due, {
      ...{ tenant: "demo", webhook: "a", url: "https://a.example/a", host: "a.example", type: "request.completed" },
      ...{ subject: "r1", at_ms: START_MS, tries: 0 },
      signer: { tenant: "demo", id: "a", secret_version: 1, old_secret_until_ms: null },
    });
  });

  test("are bounded for each host and tenant, with what is held already", async () => {
    for (const id of ["a", "b", "c"]) await endpoint(id === "c" ? "acme" : "demo", id);
    const subjects = Array.from({ length: 5 }, (_, index) => `r${index}`);
    await add("demo", ...subjects);
    await add("acme", ...subjects);
    const bounds = { host_max: 3, tenant_max: 4, hosts: new Map([["a.example", 2]]), tenants: new Map([["acme", 4]]) };
    const taken = await lease(100, bounds);
    const hosts = taken.map(({ host }) => host);
    assert.ok(hosts.filter((host) => host === "a.example").length <= 1);
    assert.ok(hosts.filter((host) => host === "b.example").length <= 3);
    assert.equal(hosts.filter((host) => host === "c.example").length, 0);
    assert.ok(taken.length > 0);
  });

  test("are saved by their holder alone, with each attempt", async () => {
    await endpoint("demo", "a");
    await add("demo", "r1");
    const first = await one();
    await store.save(first, attempt({ status: 500 }), { status: "pending", next_ms: now_ms + 5_000 });
    assert.equal((await lease()).length, 0);
    now_ms += 5_000;
    const second = await one();
    assert.equal(second.tries, 1);
    now_ms += LEASE_MS;
    const third = await one();
    // The second is late: its lease went to the third.
    await store.save(second, attempt(), { status: "delivered" });
    assert.equal((await row(first.id))["status"], "pending");
    await store.save(third, attempt({ status: null, error: "the connection broke" }), { status: "failed" });
    await store.save(third, attempt(), { status: "delivered" });
    const { status, attempts, last_error, ended_at } = await row(first.id);
    assert.deepEqual([status, attempts, last_error], ["failed", 2, "the connection broke"]);
    assert.equal((ended_at as Date).getTime(), now_ms + 5);
    const { rows } = await database.pool.query(
      "SELECT attempt, status, error FROM sluice_delivery_attempts ORDER BY attempt",
    );
    assert.deepEqual(rows, [
      { attempt: 1, status: 500, error: null },
      { attempt: 2, status: null, error: "the connection broke" },
    ]);
  });

  test("end when their receiver is gone, unless it moved meanwhile", async () => {
    await endpoint("demo", "a");
    await add("demo", "r1", "r2");
    const due = await one();
    await new PostgresEndpoints(database.pool).change("demo", "a", { url: "https://new.example/a" }, now_ms);
    await store.disable(due, now_ms);
    const found = () => new PostgresEndpoints(database.pool).find("demo", "a");
    assert.equal((await found())?.status, "enabled");
    await store.disable({ ...due, url: "https://new.example/a" }, now_ms);
    assert.deepEqual([(await found())?.status, (await found())?.disabled_why], ["disabled", "gone"]);
    assert.deepEqual([(await row(due.id))["status"], (await lease()).length], ["dropped", 0]);
  });

  test("of a webhook that is gone have nobody who signs, and are dropped", async () => {
    await endpoint("demo", "a");
    await add("demo", "r1");
    await database.pool.query("DELETE FROM sluice_webhooks");
    const due = await one();
    assert.equal(due.signer, undefined);
    await store.drop(due, now_ms);
    assert.equal((await row(due.id))["status"], "dropped");
  });

  test("are swept some time after they ended; what never got its turn is given up", async () => {
    await endpoint("demo", "a");
    await add("demo", "old", "waiting");
    const due = await one();
    await store.save(due, attempt(), { status: "delivered" });
    assert.equal(await store.sweep(now_ms + 10, now_ms, START_MS), 0);
    assert.equal(await store.sweep(now_ms + 10, now_ms + 10, START_MS + 1), 2);
    const { rows } = await database.pool.query("SELECT status FROM sluice_deliveries");
    assert.deepEqual(rows, [{ status: "failed" }]);
    assert.equal(await count("sluice_delivery_attempts"), 0);
  });
  const count = async (table: string): Promise<number> =>
    Number((await database.pool.query(`SELECT count(*) FROM ${table}`)).rows[0].count);

  test("reach a listener, which verifies them with openai's client; one that fails is tried again", async () => {
    const taken: { id: string; result: unknown }[] = [];
    let refusals = 1;
    const secret = secretText(webhookSecret(KEY, "demo", "here", 1));
    const server = createServer(async (request, response) => {
      const body = (await request.toArray()).join("");
      const { webhooks } = new OpenAI({ apiKey: "none" });
      const event = (await webhooks.unwrap(body, request.headers as Record<string, string>, secret)) as unknown as {
        data: { id: string; result: unknown };
      };
      refusals -= 1;
      if (refusals >= 0) response.writeHead(500).end();
      else {
        taken.push(event.data);
        response.writeHead(204).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const settings = webhooksSchema.parse({ allow_http: true, allow_networks: ["127.0.0.0/8"], retry_after_s: [1] });
    const client = createGuardedClient({ rules: urlRulesOf(settings), timeout_ms: 5_000, host_connections_max: 2 });
    now_ms = Date.now();
    await endpoint("demo", "here", `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`);
    await add("demo", "r1", "r2");
    const deliverer = new WebhookDeliverer({
      ...{ store, post: client.post, settings, secret_key: KEY, clock: systemClock, log: silentLog, random: () => 0 },
      leaseName: () => `real-${++leases}`,
      findResult: async (_tenant, id) => JSON.stringify({ id, status: "succeeded" }),
    });
    deliverer.start();
    try {
      await until("both are told", () => taken.length === 2, 20_000);
    } finally {
      await deliverer.stop();
      await client.close();
      server.closeAllConnections();
      server.close();
    }
    assert.deepEqual(taken.map(({ id }) => id).sort(), ["r1", "r2"]);
    assert.deepEqual(taken[0]?.result, { id: taken[0]?.id, status: "succeeded" });
    assert.equal(await count("sluice_delivery_attempts"), 3);
  });
});
