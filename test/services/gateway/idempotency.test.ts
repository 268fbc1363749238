/** Idempotency keys at the HTTP door, on a store in memory. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "prom-client";
import { canonicalJson, contentHash } from "../../../libs/shared/canonical.ts";
import { systemClock } from "../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../libs/shared/config/gateway.ts";
import type { Result } from "../../../libs/shared/events/flow.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../libs/shared/keys.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import { holderText, readHolder } from "../../../libs/shared/redis/idempotency.ts";
import type { IdempotencyStore } from "../../../libs/shared/redis/idempotency-store.ts";
import type { JobView } from "../../../libs/shared/redis/job-views.ts";
import { KeyRing } from "../../../services/gateway/keys.ts";
import { createGateway } from "../../../services/gateway/server.ts";
import { WaitingCallers } from "../../../services/gateway/waiting.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";
import { noStreams } from "./gateway-fixture.ts";

const { key, id: key_id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const chat = (content = "hi") => ({ messages: [{ role: "user", content }] });

/** As the script in Redis. */
class MemoryKeys implements IdempotencyStore {
  readonly held = new Map<string, string>();

  async claim(...[tenant, name, holder, instead_of]: Parameters<IdempotencyStore["claim"]>) {
    const there = this.held.get(`${tenant} ${name}`);
    if (there !== undefined && (instead_of === undefined || there !== holderText(instead_of))) return readHolder(there);
    this.held.set(`${tenant} ${name}`, holderText(holder));
    return undefined;
  }
}

type Options = {
  readonly idempotent_in_flight?: "wait" | "conflict";
  readonly answers?: (id: string) => Partial<Result> | undefined;
};

/** Gateways that share their stores; results come as soon as a request is produced. */
function setUp({ idempotent_in_flight = "wait", answers = () => ({ status: "succeeded" }) }: Options = {}) {
  const keys = new KeyRing();
  keys.apply({
    ...{
      id: key_id,
      record: { kind: "key", id: key_id, tenant: "demo", hash, scopes: ["submit", "read"], created_ms: 0 },
    },
  });
  const publisher = new MemoryPublisher();
  const waiting = new WaitingCallers(systemClock);
  const views = new Map<string, JobView>();
  const idempotency = new MemoryKeys();
  const finish = (id: string, more: Partial<Result>): void => {
    const result: Result = { id, tenant: "demo", status: "succeeded", response: { of: id }, timing: {}, ...more };
    views.set(id, { status: result.status, updated_ms: 1, result: JSON.stringify(result) });
    waiting.deliver({ tenant: "demo", id, result: JSON.stringify(result) });
  };
  const publish = publisher.publish.bind(publisher);
  publisher.publish = async (records) => {
    await publish(records);
    for (const { value } of records) {
      const { id } = JSON.parse(value?.toString() ?? "") as { id: string };
      const answer = answers(id);
      if (answer !== undefined && views.get(id)?.result === undefined) finish(id, answer);
    }
  };
  const app = createGateway({
    ...noStreams(),
    instance: "gateway-1",
    settings: gatewaySchema.parse({
      body_bytes_max: 10_000,
      wait_ms_max: 60_000,
      waiting_max: 100,
      idempotent_in_flight,
    }),
    names: NAMES,
    codec: jsonCodec,
    publisher,
    keys,
    waiting,
    views: { queued: async () => undefined, read: async (_tenant, id) => views.get(id) },
    idempotency,
    redisReady: () => true,
    findResult: async () => undefined,
    appealOf: async () => ({ kind: "unknown" }),
    clock: systemClock,
    log: silentLog,
    metrics: new Registry(),
    ready: async () => [],
  });
  const post = (payload: object, idempotency_key?: string, url = "/v1/chat/completions") =>
    app.inject({
      ...{ method: "POST", url, payload },
      headers: {
        authorization: `Bearer ${key}`,
        ...(idempotency_key === undefined ? {} : { "idempotency-key": idempotency_key }),
      },
    });
  return { publisher, views, idempotency, waiting, post, finish };
}

const requests = (publisher: MemoryPublisher) => publisher.values(NAMES.requests);

describe("an idempotency key", () => {
  test("gives the stored result to whoever comes with the same body, and calls nothing", async () => {
    const { post, publisher } = setUp();
    const first = await post(chat(), "k1");
    assert.equal(first.headers["idempotent-replayed"], undefined);
    const again = await post(chat(), "k1");
    assert.deepEqual([again.statusCode, again.body], [200, first.body]);
    assert.deepEqual(
      [again.headers["x-sluice-id"], again.headers["idempotent-replayed"]],
      [first.headers["x-sluice-id"], "true"],
    );
    assert.equal(requests(publisher).length, 1);
    assert.equal(requests(publisher)[0]?.["idempotency_key"], "k1");
  });

  test("is refused with another body, and is another one for another key", async () => {
    const { post, publisher } = setUp();
    await post(chat(), "k1");
    const reused = await post(chat("ho"), "k1");
    assert.deepEqual([reused.statusCode, reused.json().error.code], [422, "idempotency_key_reused"]);
    assert.equal((await post(chat("ho"), "k2")).statusCode, 200);
    assert.equal(requests(publisher).length, 2);
  });

  test("of 64 that race is one request: all have its id, content and result", async () => {
    const { post, publisher, finish, waiting } = setUp({ answers: () => undefined });
    const replies = Array.from({ length: 64 }, () => post(chat(), "k1"));
    while (waiting.count < 64) await new Promise((resolve) => setImmediate(resolve));
    const produced = requests(publisher);
    assert.equal(new Set(produced.map(canonicalJson)).size, 1);
    finish(String(produced[0]?.["id"]), {});
    assert.equal(new Set((await Promise.all(replies)).map(({ body }) => body)).size, 1);
  });

  test("has the content hash that ingest computes over the JSON it reads", async () => {
    const { post, publisher, idempotency } = setUp();
    await post({ ...chat(), temperature: 0.5, user: "u", x: { b: 1, a: [null, "é"] } }, "k1");
    const [value] = requests(publisher);
    assert.deepEqual(readHolder([...idempotency.held.values()][0] ?? ""), {
      ...{ id: value?.["id"], content_hash: contentHash(value) },
    });
  });

  test("waits for what is under way, and produces it again unless ingest has seen it", async () => {
    const { post, publisher, views, finish, waiting } = setUp({ answers: () => undefined });
    const replies = [post(chat(), "k1")];
    const arrived = async (count: number) => {
      while (waiting.count < count) await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    };
    await arrived(1);
    replies.push(post(chat(), "k1"));
    await arrived(2);
    assert.equal(requests(publisher).length, 2, "the first one may have died before it produced");
    const id = String(requests(publisher)[0]?.["id"]);
    views.set(id, { status: "running", updated_ms: 1 });
    replies.push(post(chat(), "k1"));
    await arrived(3);
    assert.equal(requests(publisher).length, 2);
    finish(id, {});
    assert.deepEqual(
      (await Promise.all(replies)).map(({ statusCode, headers }) => [statusCode, headers["x-sluice-id"]]),
      [1, 2, 3].map(() => [200, id]),
    );
  });

  test("says 409 for what is under way where the settings say so", async () => {
    const { post, finish, publisher, waiting } = setUp({ answers: () => undefined, idempotent_in_flight: "conflict" });
    const first = post(chat(), "k1");
    while (waiting.count < 1) await new Promise((resolve) => setImmediate(resolve));
    const second = await post(chat(), "k1");
    const id = String(requests(publisher)[0]?.["id"]);
    assert.deepEqual([second.statusCode, second.json().error.code], [409, "idempotency_in_flight"]);
    assert.deepEqual([second.headers["x-sluice-id"], second.headers["retry-after"]], [id, "2"]);
    finish(id, {});
    assert.equal((await first).statusCode, 200);
    assert.equal((await post(chat(), "k1")).statusCode, 200);
  });

  test("is free again after a refusal, which did nothing; not after a failure", async () => {
    const error = { code: "rate_limited", type: "rate_limit_error", message: "later" };
    const endings: Partial<Result>[] = [
      { status: "rejected", error },
      { status: "failed", error: { ...error, code: "provider_error" } },
    ];
    const { post, publisher } = setUp({ answers: () => endings.shift() });
    const statuses = [];
    for (let turn = 0; turn < 3; turn += 1) statuses.push((await post(chat(), "k1")).statusCode);
    assert.deepEqual(statuses, [429, 502, 502]);
    assert.equal(new Set(requests(publisher).map(({ id }) => id)).size, 2);
  });
});

describe("an idempotency key of a native request", () => {
  const url = "/v1/requests";

  test("is the header or the field: the same request either way", async () => {
    const { post, publisher } = setUp({ answers: () => undefined });
    const first = await post({ body: chat() }, "k1", url);
    const again = await post({ body: chat(), idempotency_key: "k1" }, undefined, url);
    assert.deepEqual([first.statusCode, again.statusCode], [202, 202]);
    assert.deepEqual(again.json(), first.json());
    assert.equal(new Set(requests(publisher).map(canonicalJson)).size, 1);
    assert.equal((await post({ body: chat("ho") }, "k1", url)).statusCode, 422);
  });

  test("finds the result as a look at the request would", async () => {
    const { post } = setUp();
    const { id } = (await post({ body: chat() }, "k1", url)).json();
    const again = await post({ body: chat() }, "k1", url);
    assert.deepEqual([again.statusCode, again.json().id, again.json().status], [200, id, "succeeded"]);
    assert.deepEqual(again.json().result.response, { of: id });
  });

  test("belongs to the id that the caller chose: with another one it is another content", async () => {
    const { post, publisher } = setUp();
    await post({ id: "r1", body: chat() }, "k1", url);
    assert.equal((await post({ id: "r2", body: chat() }, "k1", url)).statusCode, 422);
    assert.equal((await post({ id: "r1", body: chat() }, "k1", url)).statusCode, 200);
    assert.equal(requests(publisher).length, 1);
  });

  test("finds a request that came by the topic without an id", async () => {
    const { post, idempotency, finish, views, publisher } = setUp();
    const content = { tenant: "demo", body: chat(), idempotency_key: "k1" };
    idempotency.held.set("demo k1", holderText({ id: "llm.requests-0-7", content_hash: contentHash(content) }));
    finish("llm.requests-0-7", {});
    const reply = await post({ body: chat() }, "k1", url);
    assert.deepEqual([reply.statusCode, reply.json().id], [200, "llm.requests-0-7"]);
    views.delete("llm.requests-0-7");
    assert.equal((await post({ body: chat() }, "k1", url)).statusCode, 202);
    assert.equal(publisher.records.length, 0, "with an id it would be another content");
  });
});
