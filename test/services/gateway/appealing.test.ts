/** Appeals over HTTP: what is produced, and what is refused. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "prom-client";
import type { Appeal } from "../../../libs/shared/appeals/appeals.ts";
import { systemClock } from "../../../libs/shared/clock.ts";
import { gatewaySchema } from "../../../libs/shared/config/gateway.ts";
import type { KeyScope } from "../../../libs/shared/events/tenants.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../libs/shared/keys.ts";
import { silentLog } from "../../../libs/shared/log.ts";
import type { JobView } from "../../../libs/shared/redis/job-views.ts";
import { KeyRing } from "../../../services/gateway/keys.ts";
import { createGateway } from "../../../services/gateway/server.ts";
import { WaitingCallers } from "../../../services/gateway/waiting.ts";
import { jsonCodec, MemoryPublisher, NAMES } from "../../support/memory-ports.ts";
import { noStreams } from "./gateway-fixture.ts";

const { key, id: key_id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const request = {
  id: "r1.appeal",
  tenant: "demo",
  tier: "large",
  body: { messages: [{ role: "user" as const, content: "hi" }] },
};

function setUp(
  appealOf: () => Promise<Appeal>,
  views: Readonly<Record<string, JobView>> = {},
  scope: KeyScope = "submit",
) {
  const keys = new KeyRing();
  keys.apply({ id: key_id, record: { kind: "key", id: key_id, tenant: "demo", hash, scopes: [scope], created_ms: 0 } });
  const publisher = new MemoryPublisher();
  const app = createGateway({
    ...noStreams(),
    instance: "gateway-1",
    settings: gatewaySchema.parse({ body_bytes_max: 10_000, wait_ms_max: 50, waiting_max: 2 }),
    names: NAMES,
    codec: jsonCodec,
    publisher,
    keys,
    waiting: new WaitingCallers(systemClock),
    views: { queued: async () => undefined, read: async (_tenant, id) => views[id] },
    idempotency: { claim: async () => undefined },
    redisReady: () => true,
    findResult: async () => undefined,
    appealOf,
    clock: systemClock,
    log: silentLog,
    metrics: new Registry(),
    ready: async () => [],
  });
  const post = () =>
    app.inject({ method: "POST", url: "/v1/requests/r1/appeal", headers: { authorization: `Bearer ${key}` } });
  return { publisher, post };
}

const made = async (): Promise<Appeal> => ({ kind: "appeal", request, tier: "large" });

describe("an appeal over HTTP", () => {
  test("is a request on the topic, and says where its result will be", async () => {
    const { publisher, post } = setUp(made);
    const reply = await post();
    assert.equal(reply.statusCode, 202);
    assert.deepEqual(reply.json(), {
      ...{ id: "r1.appeal", object: "request", status: "queued", url: "/v1/requests/r1.appeal" },
      events_url: "/v1/requests/r1.appeal/events",
      ...{ appeal_of: "r1", tier: "large" },
    });
    assert.deepEqual(publisher.values(NAMES.requests), [request]);
    assert.equal(publisher.records[0]?.headers?.["sluice-key-id"], key_id);
  });

  test("that was made before is not produced again", async () => {
    const { publisher, post } = setUp(made, { "r1.appeal": { status: "succeeded", updated_ms: 1, result: "{}" } });
    const reply = await post();
    assert.deepEqual([reply.statusCode, reply.json().status, publisher.records.length], [202, "succeeded", 0]);
  });

  test("is refused with its reason", async () => {
    const message = "there is no tier above large";
    const top = setUp(async () => ({ kind: "refused", status: 409, code: "no_stronger_tier", message }));
    const reply = await top.post();
    assert.deepEqual([reply.statusCode, reply.json().error.code], [409, "no_stronger_tier"]);
    const gone = setUp(async () => ({ kind: "refused", status: 410, code: "request_gone", message }));
    assert.equal((await gone.post()).statusCode, 410);
    assert.equal((await setUp(async () => ({ kind: "unknown" })).post()).statusCode, 404);
    const pending = setUp(async () => ({ kind: "unknown" }), { r1: { status: "queued", updated_ms: 1 } });
    assert.deepEqual([(await pending.post()).statusCode, pending.publisher.records.length], [409, 0]);
  });

  test("needs a key that may submit", async () => {
    const { publisher, post } = setUp(made, {}, "read");
    assert.deepEqual([(await post()).statusCode, publisher.records.length], [403, 0]);
  });

  test("waits for room: a few are made at once", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { post } = setUp(async () => {
      await promise;
      return made();
    });
    const replies = Array.from({ length: 5 }, post);
    const first = await Promise.race(replies.map(async (reply) => (await reply).statusCode));
    assert.equal(first, 503);
    resolve();
    const statuses = (await Promise.all(replies)).map(({ statusCode }) => statusCode);
    assert.deepEqual(statuses.toSorted(), [202, 202, 202, 202, 503]);
  });
});
