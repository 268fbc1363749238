/** What callers may ask of their requests, and how a page looks. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Fastify from "fastify";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import type { ListedRow, RowPage } from "../../../../services/gateway/result-rows.ts";
import { listRoutes } from "../../../../services/gateway/routes/list.ts";

const { key, id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const row: ListedRow = {
  ...{ id: "r1", received_us: 1_000_500, status: "failed", tier: "small", model: "m", cache: "miss", user: null },
  ...{ kind: "chat", job: null, error_code: "provider_error", prompt_tokens: null, completion_tokens: null },
  ...{ cost_usd: null, completed_ms: 2_000 },
};

function setUp() {
  const keys = new KeyRing();
  keys.apply({ id, record: { kind: "key", id, tenant: "demo", hash, scopes: ["read"], created_ms: 0 } });
  const asked: (readonly [string, RowPage])[] = [];
  const app = Fastify();
  listRoutes({
    keys,
    open: {
      page: async () => [{ id: "r2", received_ms: 1_001, view: { status: "deferred", updated_ms: 1, until_ms: 9 } }],
      forget: async () => undefined,
      receivedAt: async () => undefined,
    },
    async rows(tenant, page) {
      asked.push([tenant, page]);
      return [row, { ...row, id: "r0", received_us: 9 }];
    },
    place: async (tenant, of) => (tenant === "demo" && of === "r1" ? row : undefined),
  })(app);
  const get = (url: string, authorization = `Bearer ${key}`) => app.inject({ url, headers: { authorization } });
  return { asked, get };
}

describe("the list of requests", () => {
  test("is short of each, and says where it goes on", async () => {
    const { get } = setUp();
    const { id: _, received_us: __, ...rest } = row;
    assert.deepEqual((await get("/v1/requests?limit=2")).json(), {
      object: "list",
      data: [
        { id: "r2", object: "request", status: "deferred", received_ms: 1_001, until_ms: 9, url: "/v1/requests/r2" },
        { id: "r1", object: "request", received_ms: 1_000.5, ...rest, url: "/v1/requests/r1" },
      ],
      ...{ first_id: "r2", last_id: "r1", has_more: true, next: "1000500~r1" },
    });
  });

  test("goes on behind a cursor or an id, with every filter", async () => {
    const { get, asked } = setUp();
    await get("/v1/requests?after=1000500~r1&tier=small&user=ann&job=batch_1&status=failed,expired&from=2026-01-01");
    await get("/v1/requests?after=r1&to=2026-01-01T01:00:00%2B01:00");
    const before = { received_us: 1_000_500, id: "r1" };
    const ours = asked.map(([tenant, page]) => [tenant, JSON.parse(JSON.stringify(page))]);
    assert.deepEqual(ours, [
      [
        "demo",
        {
          ...{ tier: "small", user: "ann", job: "batch_1", statuses: ["failed", "expired"], limit: 21, before },
          from_ms: Date.parse("2026-01-01"),
        },
      ],
      ["demo", { limit: 21, to_ms: Date.parse("2026-01-01"), before: { ...before, ...row } }],
    ]);
  });

  test("says which field of the query is wrong", async () => {
    const { get, asked } = setUp();
    for (const [query, param] of [
      ["status=done", "status"],
      ["limit=101", "limit"],
      ["after=nobody", "after"],
      ["from=monday", "from"],
      ["user=%00", "user"],
    ]) {
      const reply = await get(`/v1/requests?${query}`);
      assert.deepEqual([reply.statusCode, reply.json().error.param], [400, param], query);
    }
    assert.equal((await get("/v1/requests?tenant=other")).statusCode, 400);
    assert.equal((await get("/v1/requests", "Bearer no")).statusCode, 401);
    assert.deepEqual(asked, []);
  });
});
