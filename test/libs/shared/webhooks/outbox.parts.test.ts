/** Endpoints and the outbox on a real Postgres. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { callbackSignerId, PostgresEndpoints } from "../../../../libs/shared/webhooks/endpoints.ts";
import type { WebhookEvent } from "../../../../libs/shared/webhooks/event.ts";
import { eventId } from "../../../../libs/shared/webhooks/event-body.ts";
import { PostgresOutbox } from "../../../../libs/shared/webhooks/outbox.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";

const START_MS = 1_800_000_000_000;
const MAX = 3;

describe("webhooks in Postgres", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  let endpoints: PostgresEndpoints;
  let now_ms: number;
  const clock = { now_ms: () => now_ms, after: () => ({ cancel() {} }) };
  const make = (tenant: string, id: string, events: readonly string[] = ["*"]) =>
    endpoints.create(
      { tenant, id, events, url: `https://${id}.example/in?k=1`, description: null, created_ms: now_ms },
      MAX,
    );
  const event = (more: Partial<WebhookEvent> = {}): WebhookEvent => ({
    ...{ tenant: "demo", type: "request.completed", subject: "r1", at_ms: START_MS, ...more },
  });
  const rows = async () => {
    const { rows: found } = await database.pool.query(
      "SELECT webhook, url, host, type, subject, status, event_id FROM sluice_deliveries ORDER BY subject, type, webhook",
    );
    return found as Record<string, string>[];
  };
  const told = async () => (await rows()).map(({ webhook, subject, type }) => `${subject} ${type} ${webhook}`);

  before(async () => {
    database = await createDatabase("webhooks");
    await migrate(database.pool);
    endpoints = new PostgresEndpoints(database.pool);
  });
  after(() => database.drop());
  beforeEach(async () => {
    now_ms = START_MS;
    await database.pool.query("TRUNCATE sluice_webhooks, sluice_deliveries CASCADE");
  });

  test("an endpoint is made, found, changed and removed by its tenant alone", async () => {
    const made = await make("demo", "wh1");
    assert.equal(made?.status, "enabled");
    assert.deepEqual(await endpoints.find("demo", "wh1"), made);
    for (const nobody of [endpoints.find("acme", "wh1"), endpoints.change("acme", "wh1", { enabled: false }, now_ms)]) {
      assert.equal(await nobody, undefined);
    }
    assert.equal(await endpoints.rotate("acme", "wh1", now_ms, now_ms), undefined);
    assert.equal(await endpoints.remove("acme", "wh1", now_ms), false);
    now_ms += 5;
    const changed = await endpoints.change("demo", "wh1", { description: "a", enabled: false }, now_ms);
    assert.deepEqual(changed, {
      ...{ ...made, description: "a", status: "disabled", disabled_why: "asked", updated_ms: START_MS + 5 },
    });
    assert.equal((await endpoints.change("demo", "wh1", { enabled: true }, now_ms))?.disabled_why, null);
    assert.equal((await endpoints.change("demo", "wh1", { description: null }, now_ms))?.description, null);
    assert.equal(await endpoints.remove("demo", "wh1", now_ms), true);
    assert.equal(await endpoints.find("demo", "wh1"), undefined);
  });

  test("a tenant has so many and no more; others and the signer of callbacks do not count", async () => {
    await endpoints.callbackSigner("demo", now_ms);
    for (const id of ["a", "b", "c"]) assert.ok(await make("demo", id));
    assert.equal(await make("demo", "d"), undefined);
    assert.ok(await make("acme", "d"));
    assert.deepEqual(
      (await endpoints.list("demo", { limit: 2 })).map(({ id }) => id),
      ["c", "b"],
    );
    assert.deepEqual(
      (await endpoints.list("demo", { limit: 2, after: "b" })).map(({ id }) => id),
      ["a"],
    );
    assert.deepEqual(await endpoints.list("demo", { limit: 2, after: "d" }), []);
  });

  test("a rotation counts the version up and says how long the old one is good, for callbacks too", async () => {
    await make("demo", "wh1");
    const rotated = await endpoints.rotate("demo", "wh1", now_ms, now_ms + 1_000);
    assert.deepEqual([rotated?.secret_version, rotated?.old_secret_until_ms], [2, START_MS + 1_000]);
    const signer = await endpoints.callbackSigner("demo", now_ms);
    assert.deepEqual([signer.id, signer.url, signer.secret_version], [callbackSignerId("demo"), null, 1]);
    assert.equal((await endpoints.rotate("demo", signer.id, now_ms, now_ms))?.secret_version, 2);
    assert.equal((await endpoints.callbackSigner("demo", now_ms)).secret_version, 2);
    assert.equal(await endpoints.find("demo", signer.id), undefined);
  });

  test("an event goes to the tenant's endpoints that want it and to the request's callback, once", async () => {
    await make("demo", "all");
    await make("demo", "batches", ["batch.completed", "batch.failed"]);
    await make("acme", "others");
    const outbox = new PostgresOutbox(database.pool, clock);
    const events = [
      event({ callback_url: "https://call.example/back?t=1" }),
      event({ type: "batch.completed", subject: "b1" }),
      event({ tenant: "sluice.cache-check", subject: "check", callback_url: "https://call.example/" }),
    ];
    for (const _ of [1, 2]) await outbox.add([...events, ...events]);
    await new PostgresOutbox(database.pool, clock).add(events);
    assert.deepEqual(
      await told(),
      [
        "b1 batch.completed all",
        "b1 batch.completed batches",
        "r1 request.completed all",
        `r1 request.completed ${callbackSignerId("demo")}`,
      ].sort(),
    );
    const [, , , called] = await rows();
    assert.equal(called?.["event_id"], eventId(event()));
    assert.deepEqual([called?.["url"], called?.["host"]], ["https://call.example/back?t=1", "call.example"]);
  });

  test("nothing is written where nobody listens, and a tenant is looked up once in a while", async () => {
    const outbox = new PostgresOutbox(database.pool, clock);
    let queries = 0;
    const query = database.pool.query.bind(database.pool);
    const counting = (...args: unknown[]) => {
      queries += 1;
      return (query as (...of: unknown[]) => unknown)(...args);
    };
    Object.assign(database.pool, { query: counting });
    try {
      for (let index = 0; index < 50; index += 1) {
        await outbox.add([event({ subject: `r${index}` }), event({ tenant: "acme", subject: `r${index}` })]);
      }
      assert.equal(queries, 1);
      await outbox.add([]);
      await make("demo", "wh1");
      now_ms += 2_000;
      await outbox.add([event()]);
    } finally {
      Object.assign(database.pool, { query });
    }
    assert.deepEqual(await told(), ["r1 request.completed wh1"]);
  });

  test("an endpoint that was just made is told of a batch that ends", async () => {
    const outbox = new PostgresOutbox(database.pool, clock);
    await outbox.add([event({ subject: "r1" })]);
    await make("demo", "wh1");
    await outbox.add([event({ subject: "b1", type: "batch.completed" })]);
    await outbox.add([event({ subject: "r2" })]);
    assert.deepEqual(await told(), ["b1 batch.completed wh1", "r2 request.completed wh1"]);
  });

  test("what waits for an endpoint moves with its URL, and ends when it is disabled or removed", async () => {
    for (const id of ["moved", "stopped", "removed"]) await make("demo", id);
    await new PostgresOutbox(database.pool, clock).add([event()]);
    await endpoints.change("demo", "moved", { url: "https://new.example/a" }, now_ms);
    await endpoints.change("demo", "stopped", { enabled: false }, now_ms);
    await endpoints.remove("demo", "removed", now_ms);
    assert.deepEqual(
      (await rows()).map(({ webhook, host, status }) => `${webhook} ${host} ${status}`),
      ["moved new.example pending", "removed removed.example dropped", "stopped stopped.example dropped"],
    );
    now_ms += 2_000;
    await new PostgresOutbox(database.pool, clock).add([event({ subject: "r2" })]);
    assert.deepEqual(
      (await told()).filter((line) => line.startsWith("r2")),
      ["r2 request.completed moved"],
    );
  });

  test("a callback that is no URL is written down, for its delivery to be refused", async () => {
    await new PostgresOutbox(database.pool, clock).add([event({ callback_url: "nonsense" })]);
    assert.equal((await rows())[0]?.["host"], "");
  });
});
