/** The HTTP door on ports in memory: what a running pipeline shows only when something is away. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "prom-client";
import { systemClock } from "../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../libs/shared/config/gateway.ts";
import { unavailable } from "../../../libs/shared/errors.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import type { KeyScope } from "../../../libs/shared/events/tenants.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../libs/shared/keys.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { KeyRing } from "../../../services/gateway/keys.ts";
import { createGateway, type GatewayDeps } from "../../../services/gateway/server.ts";
import { WaitingCallers } from "../../../services/gateway/waiting.ts";
import { START_MS, VirtualClock } from "../../../tools/simulate/virtual-clock.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";
import { noStreams } from "./gateway-fixture.ts";

const { key, id: key_id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const HEADERS = { authorization: `Bearer ${key}` };
const body = { messages: [{ role: "user", content: "hi" }] };
const away = async (): Promise<never> => {
  throw unavailable("kafka", new Error("secret-host:9092 refused"));
};

function setUp(more: Partial<GatewayDeps> = {}, scopes: KeyScope[] = ["submit", "read"]) {
  const keys = new KeyRing();
  keys.apply({ id: key_id, record: { kind: "key", id: key_id, tenant: "demo", hash, scopes, created_ms: 0 } });
  const publisher = new MemoryPublisher();
  const waiting = new WaitingCallers(systemClock);
  const app = createGateway({
    ...noStreams(),
    instance: "gateway-1",
    settings: gatewaySchema.parse({ body_bytes_max: 10_000, wait_ms_max: 50, waiting_max: 2 }),
    names: NAMES,
    codec: jsonCodec,
    publisher,
    keys,
    waiting,
    views: { queued: async () => undefined, read: async () => undefined },
    idempotency: { claim: async () => undefined },
    redisReady: () => true,
    findResult: async () => undefined,
    appealOf: async () => ({ kind: "unknown" }),
    clock: systemClock,
    log: silentLog,
    metrics: new Registry(),
    ready: async () => [],
    ...more,
  });
  const post = (url: string, payload?: object) =>
    app.inject({ method: "POST", url, headers: HEADERS, ...(payload === undefined ? {} : { payload }) });
  const get = (url: string) => app.inject({ method: "GET", url, headers: HEADERS });
  return { publisher, waiting, post, get };
}

describe("the gateway", () => {
  test("says 503 and when to come back while the topic cannot be written, and nothing of the inside", async () => {
    const { post, waiting } = setUp({ publisher: { publish: away } });
    for (const [url, payload] of [
      ["/v1/requests", { body }],
      ["/v1/chat/completions", body],
      ["/v1/embeddings", { input: "x" }],
    ] as const) {
      const reply = await post(url, payload);
      assert.equal(reply.statusCode, 503);
      assert.equal(reply.headers["retry-after"], "2");
      assert.equal(reply.json().error.code, "unavailable");
      assert.doesNotMatch(reply.body, /secret-host|stack/);
    }
    assert.equal(waiting.count, 0);
  });

  test("says 503 before it sends anything when too many wait", async () => {
    const { post, publisher, waiting } = setUp();
    for (const id of ["a", "b"]) waiting.wait("demo", id, 60_000, async () => undefined);
    const reply = await post("/v1/chat/completions", body);
    assert.deepEqual([reply.statusCode, reply.json().error.code], [503, "overloaded"]);
    assert.equal(publisher.records.length, 0);
    assert.equal((await post("/v1/requests", { body })).statusCode, 202);
    waiting.release();
  });

  test("says 504 and where to ask when the wait is over", async () => {
    const { post, publisher } = setUp();
    const reply = await post("/v1/chat/completions", body);
    const id = reply.headers["x-sluice-id"];
    assert.deepEqual([reply.statusCode, reply.json().error.code], [504, "result_pending"]);
    assert.match(reply.json().error.message, new RegExp(`/v1/requests/${id}$`));
    assert.equal(publisher.values(NAMES.requests)[0]?.["id"], id);
  });

  test("takes a request while Redis is away: it waits in its topic", async () => {
    const { post } = setUp({ views: { queued: away, read: away }, redisReady: () => false });
    assert.equal((await post("/v1/requests", { body })).statusCode, 202);
  });

  test("says 503 at once to whoever would wait while Redis is away, and sends nothing", async () => {
    const { post, publisher, waiting } = setUp({
      ...{ redisReady: () => false, views: { queued: away, read: away }, idempotency: { claim: away } },
    });
    for (const [url, payload] of [
      ["/v1/chat/completions", body],
      ["/v1/embeddings", { input: "x" }],
      // Whether its key was used before cannot be known.
      ["/v1/requests", { body, idempotency_key: "k" }],
    ] as const) {
      const reply = await post(url, payload);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [503, "unavailable"]);
      assert.equal(reply.headers["retry-after"], "2");
    }
    assert.deepEqual([publisher.records.length, waiting.count], [0, 0]);
  });

  test("tells whose key a request came with, and the caller what is left of its limits", async () => {
    const { post, publisher, waiting } = setUp();
    const publish = publisher.publish.bind(publisher);
    publisher.publish = async (records) => {
      await publish(records);
      const id = String(publisher.values(NAMES.requests)[0]?.["id"]);
      const result = JSON.stringify({ id, tenant: "demo", status: "succeeded", response: {}, timing: {} });
      waiting.deliver({ tenant: "demo", id, result, rate_room: "r=60,59,20" });
    };
    const reply = await post("/v1/chat/completions", body);
    assert.equal(reply.statusCode, 200);
    assert.equal(reply.headers["x-ratelimit-remaining-requests"], "59");
    assert.equal(publisher.records[0]?.headers?.["sluice-key-id"], key_id);
  });

  test("reads the row while Redis is away, and for what is older than the view", async () => {
    const result: Result = { id: "r1", tenant: "demo", status: "failed", timing: { completed: 7 } };
    const findResult: GatewayDeps["findResult"] = async (tenant, id) =>
      tenant === "demo" && id === "r1" ? JSON.stringify(result) : undefined;
    for (const read of [away, async () => undefined]) {
      const { get } = setUp({ findResult, views: { queued: async () => undefined, read } });
      const reply = await get("/v1/requests/r1");
      assert.deepEqual(reply.json(), { id: "r1", object: "request", status: "failed", updated_ms: 7, result });
      assert.equal((await get("/v1/requests/r2")).statusCode, 404);
    }
  });

  test("asks nobody for an id that cannot be one", async () => {
    const asked: string[] = [];
    const read = async (_tenant: string, id: string) => void asked.push(id);
    const { get } = setUp({ views: { queued: async () => undefined, read: read as never } });
    assert.equal((await get("/v1/requests/a%20b")).statusCode, 404);
    assert.equal((await get("/v1/requests/%00")).statusCode, 404);
    assert.deepEqual(asked, []);
  });

  test("tells a view that is under way as it stands", async () => {
    const read = async () => ({ status: "running" as const, updated_ms: 5 });
    const { get } = setUp({ views: { queued: async () => undefined, read } });
    assert.deepEqual((await get("/v1/requests/r1")).json(), {
      ...{ id: "r1", object: "request", status: "running", updated_ms: 5 },
    });
  });

  test("passes a cancel on to everybody, under the request's own key", async () => {
    const read = async () => ({ status: "running" as const, updated_ms: 5 });
    const { post, publisher } = setUp({ views: { queued: async () => undefined, read }, clock: new VirtualClock() });
    const reply = await post("/v1/requests/r1/cancel");
    assert.deepEqual(
      [reply.statusCode, reply.json()],
      [202, { id: "r1", object: "request", status: "running", updated_ms: 5 }],
    );
    assert.deepEqual(publisher.values(NAMES.control), [
      { kind: "cancel", tenant: "demo", id: "r1", at_ms: START_MS, by: key_id },
    ]);
    assert.equal(publisher.records[0]?.key, "demo/r1");
  });

  test("leaves what has ended as it is", async () => {
    const result: Result = { id: "r1", tenant: "demo", status: "succeeded", timing: { completed: 7 } };
    const { post, publisher } = setUp({ findResult: async () => JSON.stringify(result) });
    const reply = await post("/v1/requests/r1/cancel");
    assert.deepEqual(
      [reply.statusCode, reply.json()],
      [200, { id: "r1", object: "request", status: "succeeded", updated_ms: 7, result }],
    );
    assert.equal(publisher.records.length, 0);
  });

  test("cancels for its own tenant alone, and only what is known", async () => {
    const read = async (tenant: string, id: string) =>
      tenant === "other" && id === "r1" ? { status: "queued" as const, updated_ms: 5 } : undefined;
    const { post, publisher } = setUp({ views: { queued: async () => undefined, read } });
    for (const id of ["r1", "r2", "a%20b"]) {
      const reply = await post(`/v1/requests/${id}/cancel`);
      assert.deepEqual([reply.statusCode, reply.json().error.code], [404, "not_found"]);
    }
    assert.equal(publisher.records.length, 0);
  });

  test("cancels only for keys that may submit", async () => {
    const { post } = setUp({}, ["read"]);
    const reply = await post("/v1/requests/r1/cancel");
    assert.deepEqual([reply.statusCode, reply.json().error.code], [403, "scope_missing"]);
  });

  test("does not call a request unknown while Redis is away", async () => {
    const { post } = setUp({ views: { queued: async () => undefined, read: away } });
    assert.equal((await post("/v1/requests/r1/cancel")).statusCode, 503);
    assert.equal((await post("/v1/requests/a%20b/cancel")).statusCode, 404);
  });

  test("says 503 when the cancel cannot be passed on", async () => {
    const read = async () => ({ status: "queued" as const, updated_ms: 5 });
    const { post } = setUp({ publisher: { publish: away }, views: { queued: async () => undefined, read } });
    assert.equal((await post("/v1/requests/r1/cancel")).statusCode, 503);
  });

  test("is not ready when something is away, and alive all the same", async () => {
    const { get } = setUp({ ready: async () => ["redis is away"] });
    const ready = await get("/readyz");
    assert.deepEqual([ready.statusCode, ready.json()], [503, { ready: false, problems: ["redis is away"] }]);
    assert.equal((await get("/healthz")).statusCode, 200);
  });
});
