/** The routes about webhooks and deliveries, on a real Postgres. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import Fastify from "fastify";
import OpenAI from "openai";
import { webhooksSchema } from "../../../../libs/shared/config/gateway.ts";
import type { KeyScope } from "../../../../libs/shared/events/tenants.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { migrate } from "../../../../libs/shared/postgres/migrations.ts";
import { callbackSignerId, PostgresEndpoints } from "../../../../libs/shared/webhooks/endpoints.ts";
import type { WebhookEvent } from "../../../../libs/shared/webhooks/event.ts";
import type { Called } from "../../../../libs/shared/webhooks/guarded-client.ts";
import { PostgresOutbox } from "../../../../libs/shared/webhooks/outbox.ts";
import { secretsOf, signedHeaders } from "../../../../libs/shared/webhooks/signing.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { deliveryRoutes } from "../../../../services/gateway/routes/deliveries.ts";
import { webhookRoutes } from "../../../../services/gateway/routes/webhooks.ts";
import { PostgresDeliveryViews } from "../../../../services/gateway/webhooks/deliveries.ts";
import { createDatabase, NO_DATABASE, type TestDatabase } from "../../../support/database.ts";

const SECRET_KEY = "a key of the service";
const URL_IN = "https://hooks.example.com/in?token=hidden";
const openai = new OpenAI({ apiKey: "none" });

describe("webhooks over HTTP", { skip: NO_DATABASE }, () => {
  let database: TestDatabase;
  // The clients that verify compare with the time that it is.
  let now_ms = Date.now();
  let words = 0;
  let answer: Called = { kind: "answered", status: 204, duration_ms: 7 };
  let posted: { url: string; headers: Readonly<Record<string, string>>; body: string }[] = [];
  const clock = { now_ms: () => now_ms, after: () => ({ cancel() {} }) };
  const keys = new KeyRing();
  const bearer = (tenant: string, scopes: KeyScope[], seed: number): string => {
    const { key, id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, seed));
    keys.apply({ id, record: { kind: "key", id, tenant, hash, scopes, created_ms: 0 } });
    return `Bearer ${key}`;
  };
  const DEMO = bearer("demo", ["submit", "read"], 1);
  const READER = bearer("demo", ["read"], 2);
  const ACME = bearer("acme", ["submit", "read"], 3);

  const serve = (secret_key: string | undefined = SECRET_KEY, off = false) => {
    const app = Fastify();
    const endpoints = new PostgresEndpoints(database.pool);
    webhookRoutes({
      ...{ keys, endpoints, secret_key: off ? undefined : secret_key, clock, random: () => `word-${++words}` },
      settings: webhooksSchema.parse({ endpoints_max: 3 }),
      async post(url, headers, body) {
        posted.push({ url, headers, body });
        return answer;
      },
    })(app);
    deliveryRoutes({ keys, endpoints, deliveries: new PostgresDeliveryViews(database.pool), clock })(app);
    return app;
  };
  let app: ReturnType<typeof serve>;
  const call = async (
    method: "GET" | "POST" | "PATCH" | "DELETE",
    url: string,
    payload?: object,
    authorization = DEMO,
  ) => {
    const reply = await app.inject({ method, url, headers: { authorization }, ...(payload ? { payload } : {}) });
    return { status: reply.statusCode, body: reply.json() };
  };
  const made = async (more: object = {}, authorization = DEMO) =>
    (await call("POST", "/v1/webhooks", { url: URL_IN, ...more }, authorization)).body;
  const happened = (more: Partial<WebhookEvent> = {}) =>
    new PostgresOutbox(database.pool, clock).add([
      { tenant: "demo", type: "request.completed", subject: "r1", at_ms: now_ms, ...more },
    ]);

  before(async () => {
    database = await createDatabase("webhookroutes");
    await migrate(database.pool);
    app = serve();
  });
  after(async () => {
    await app.close();
    await database.drop();
  });
  beforeEach(async () => {
    posted = [];
    answer = { kind: "answered", status: 204, duration_ms: 7 };
    await database.pool.query("TRUNCATE sluice_webhooks, sluice_deliveries CASCADE");
  });

  test("one is made, shows its secret once, is listed, changed and removed", async () => {
    const { status, body } = await call("POST", "/v1/webhooks", {
      url: URL_IN,
      events: ["batch.completed", "batch.completed"],
    });
    assert.equal(status, 201);
    const { secret, ...shown } = body;
    assert.match(secret, /^whsec_/);
    assert.deepEqual(
      [shown.url, shown.events, shown.enabled, shown.object],
      [URL_IN, ["batch.completed"], true, "webhook"],
    );
    assert.deepEqual((await call("GET", `/v1/webhooks/${shown.id}`)).body, shown);
    assert.deepEqual((await call("GET", "/v1/webhooks")).body, {
      ...{ object: "list", data: [shown], first_id: shown.id, last_id: shown.id, has_more: false },
    });
    const changed = await call("PATCH", `/v1/webhooks/${shown.id}`, { enabled: false, description: "mine" });
    assert.deepEqual(
      [changed.body.enabled, changed.body.disabled_reason, changed.body.description, changed.body.secret],
      [false, "asked", "mine", undefined],
    );
    assert.deepEqual((await call("DELETE", `/v1/webhooks/${shown.id}`)).body, {
      id: shown.id,
      object: "webhook",
      deleted: true,
    });
    assert.equal((await call("GET", `/v1/webhooks/${shown.id}`)).status, 404);
    assert.deepEqual((await call("GET", "/v1/webhooks")).body.data, []);
  });

  test("pages follow one another; there are so many and no more", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      now_ms += 1;
      ids.unshift((await made()).id);
    }
    const first = (await call("GET", "/v1/webhooks?limit=2")).body;
    assert.deepEqual([first.data.map(({ id }: { id: string }) => id), first.has_more], [ids.slice(0, 2), true]);
    const second = (await call("GET", `/v1/webhooks?limit=2&after=${first.last_id}`)).body;
    assert.deepEqual([second.first_id, second.has_more], [ids[2], false]);
    const fourth = await call("POST", "/v1/webhooks", { url: URL_IN });
    assert.deepEqual([fourth.status, fourth.body.error.code], [400, "too_many_webhooks"]);
  });

  test("what cannot be is refused, with the field", async () => {
    const { id } = await made();
    const wrong: readonly (readonly [payload: object, code: string, param: string])[] = [
      [{ url: "http://example.com/" }, "webhook_url_refused", "url"],
      [{ url: "https://169.254.169.254/" }, "webhook_url_refused", "url"],
      [{ url: "https://[::ffff:10.0.0.1]/" }, "webhook_url_refused", "url"],
      [{ url: "https://a:b@example.com/" }, "webhook_url_refused", "url"],
      [{ url: "" }, "invalid_request", "url"],
      [{ url: URL_IN, events: ["request.done"] }, "invalid_request", "events[0]"],
      [{ url: URL_IN, events: [] }, "invalid_request", "events"],
      [{ url: URL_IN, description: "a\0b" }, "invalid_request", "description"],
    ];
    for (const [payload, code, param] of wrong) {
      for (const [method, path] of [
        ["POST", ""],
        ["PATCH", `/${id}`],
      ] as const) {
        const { status, body } = await call(method, `/v1/webhooks${path}`, payload);
        assert.deepEqual([status, body.error.code, body.error.param], [400, code, param], JSON.stringify(payload));
      }
    }
    const unknown = await call("POST", "/v1/webhooks", { url: URL_IN, more: 1 });
    assert.deepEqual([unknown.status, /unknown field "more"/.test(unknown.body.error.message)], [400, true]);
    assert.equal((await call("PATCH", `/v1/webhooks/${id}`, {})).status, 400);
    for (const query of ["limit=0", "limit=101", "after=%00", "more=1"]) {
      assert.equal((await call("GET", `/v1/webhooks?${query}`)).status, 400, query);
    }
  });

  test("a test is sent at once, signed so that openai's client takes it, and tells the status alone", async () => {
    const { id, secret } = await made();
    const { body } = await call("POST", `/v1/webhooks/${id}/test`);
    assert.deepEqual(body, { object: "webhook.test", delivered: true, status: 204, error: null, duration_ms: 7 });
    const [sent] = posted;
    const event = await openai.webhooks.unwrap(sent?.body ?? "", { ...sent?.headers }, secret);
    assert.deepEqual([sent?.url, String(event.type), event.data], [URL_IN, "webhook.test", { id, object: "webhook" }]);
    answer = { kind: "failed", why: "the connection was refused", duration_ms: 3 };
    const failed = (await call("POST", `/v1/webhooks/${id}/test`)).body;
    assert.deepEqual([failed.delivered, failed.status, failed.error], [false, null, "the connection was refused"]);
  });

  test("after a rotation both secrets verify, the new one is shown once", async () => {
    const { id, secret } = await made();
    const rotated = (await call("POST", `/v1/webhooks/${id}/rotate`)).body;
    assert.notEqual(rotated.secret, secret);
    assert.equal(rotated.old_secret_until, Math.floor((now_ms + 24 * 3_600_000) / 1_000));
    await call("POST", `/v1/webhooks/${id}/test`);
    for (const good of [secret, rotated.secret]) {
      assert.ok(await openai.webhooks.unwrap(posted[0]?.body ?? "", { ...posted[0]?.headers }, good));
    }
    assert.equal((await call("GET", `/v1/webhooks/${id}`)).body.secret, undefined);
  });

  test("the secret of callbacks is shown by its rotation, and is what signs them", async () => {
    const before = (await call("GET", "/v1/webhooks/callbacks")).body;
    assert.deepEqual(before, { object: "webhook.callbacks", old_secret_until: null });
    const { secret } = (await call("POST", "/v1/webhooks/callbacks/rotate")).body;
    const signer = await new PostgresEndpoints(database.pool).callbackSigner("demo", now_ms);
    const headers = signedHeaders("evt_1", now_ms, "{}", secretsOf(SECRET_KEY, signer, now_ms));
    assert.deepEqual(await openai.webhooks.unwrap("{}", headers, secret), {});
    assert.equal((await call("GET", `/v1/webhooks/${callbackSignerId("demo")}`)).status, 404);
    assert.deepEqual((await call("GET", "/v1/webhooks")).body.data, []);
  });

  test("deliveries are listed with their attempts and without the query of the URL, and delivered again", async () => {
    const { id } = await made();
    await happened({ callback_url: "https://call.example/back?secret=1" });
    await happened({ subject: "b1", type: "batch.failed" });
    const of_webhook = (await call("GET", `/v1/webhooks/${id}/deliveries`)).body;
    assert.deepEqual(of_webhook.data.map(({ subject }: { subject: string }) => subject).sort(), ["b1", "r1"]);
    const of_subject = (await call("GET", "/v1/deliveries?subject=r1")).body.data;
    assert.deepEqual(of_subject.map(({ webhook_id }: { webhook_id: string }) => webhook_id).sort(), [null, id].sort());
    assert.doesNotMatch(JSON.stringify([of_webhook, of_subject]), /hidden|secret/);
    const [delivery] = of_subject.filter(({ webhook_id }: { webhook_id: string }) => webhook_id === id);
    assert.deepEqual([delivery.status, delivery.attempts, delivery.ended_at], ["pending", [], null]);
    await database.pool.query(
      "UPDATE sluice_deliveries SET status = 'failed', attempts = 1, tries = 10, ended_at = now() WHERE id = $1",
      [delivery.id],
    );
    await database.pool.query("INSERT INTO sluice_delivery_attempts VALUES ($1, 1, to_timestamp(60), 12, 500, NULL)", [
      delivery.id,
    ]);
    assert.equal((await call("GET", "/v1/deliveries?status=failed")).body.data.length, 1);
    const again = await call("POST", `/v1/deliveries/${delivery.id}/redeliver`);
    assert.equal(again.status, 202);
    assert.deepEqual(
      [again.body.status, again.body.event_id, again.body.attempts_total],
      ["pending", delivery.event_id, 1],
    );
    assert.deepEqual(again.body.attempts, [{ attempt: 1, at: 60, duration_ms: 12, status: 500, error: null }]);
    const { rows } = await database.pool.query("SELECT tries FROM sluice_deliveries WHERE id = $1", [delivery.id]);
    assert.deepEqual(rows, [{ tries: 0 }]);
    await call("PATCH", `/v1/webhooks/${id}`, { enabled: false });
    const disabled = await call("POST", `/v1/deliveries/${delivery.id}/redeliver`);
    assert.deepEqual([disabled.status, disabled.body.error.code], [400, "webhook_disabled"]);
  });

  test("another tenant's are none, on every route", async () => {
    const { id } = await made();
    await happened();
    const [delivery] = (await call("GET", "/v1/deliveries")).body.data;
    const routes: readonly (readonly ["GET" | "POST" | "PATCH" | "DELETE", string, object?])[] = [
      ["GET", `/v1/webhooks/${id}`],
      ["PATCH", `/v1/webhooks/${id}`, { enabled: false }],
      ["DELETE", `/v1/webhooks/${id}`],
      ["POST", `/v1/webhooks/${id}/rotate`],
      ["POST", `/v1/webhooks/${id}/test`],
      ["GET", `/v1/webhooks/${id}/deliveries`],
      ["POST", `/v1/deliveries/${delivery.id}/redeliver`],
    ];
    for (const [method, url, payload] of routes) {
      const { status, body } = await call(method, url, payload, ACME);
      assert.deepEqual([status, body.error.code], [404, "not_found"], url);
      const unreadable = await call(method, url.replace(/_[0-9a-f]{32}/, "_%00"), payload);
      assert.equal(unreadable.status, 404, url);
    }
    for (const url of [
      "/v1/webhooks",
      "/v1/deliveries",
      "/v1/deliveries?subject=r1",
      `/v1/deliveries?after=${delivery.id}`,
    ]) {
      assert.deepEqual((await call("GET", url, undefined, ACME)).body.data, [], url);
    }
    assert.equal(posted.length, 0);
    assert.equal((await call("GET", `/v1/webhooks/${id}`)).body.enabled, true);
  });

  test("a key that may only read changes nothing", async () => {
    const { id } = await made();
    assert.equal((await call("GET", "/v1/webhooks", undefined, READER)).status, 200);
    for (const [method, url] of [
      ["POST", "/v1/webhooks"],
      ["PATCH", `/v1/webhooks/${id}`],
      ["DELETE", `/v1/webhooks/${id}`],
      ["POST", `/v1/webhooks/${id}/rotate`],
      ["POST", `/v1/webhooks/${id}/test`],
      ["POST", "/v1/webhooks/callbacks/rotate"],
      ["POST", `/v1/deliveries/dlv_${"0".repeat(32)}/redeliver`],
    ] as const) {
      assert.equal((await call(method, url, {}, READER)).status, 403, url);
    }
  });

  test("without the service's key there are none, and it is said what to set", async () => {
    const off = serve(undefined, true);
    const reply = await off.inject({ method: "GET", url: "/v1/webhooks", headers: { authorization: DEMO } });
    await off.close();
    assert.deepEqual([reply.statusCode, reply.json().error.code], [503, "webhooks_off"]);
    assert.match(reply.json().error.message, /SLUICE_SECRET_KEY/);
  });
});
