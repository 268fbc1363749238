/** What callers may ask of their usage, and how they are answered. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Fastify from "fastify";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { usageRoutes } from "../../../../services/gateway/routes/usage.ts";
import type { Usage, UsageAsk } from "../../../../services/gateway/usage-rows.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const { key, id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, 1));
const sums = { requests: 2, succeeded: 1, cache_hits: 1, prompt_tokens: 3, completion_tokens: 4, cost_usd: 0.5 };

function setUp(rows: Usage["rows"] = []) {
  const keys = new KeyRing();
  keys.apply({ id, record: { kind: "key", id, tenant: "demo", hash, scopes: ["read"], created_ms: 0 } });
  const asked: (readonly [string, UsageAsk])[] = [];
  const app = Fastify();
  usageRoutes({
    keys,
    clock: new VirtualClock(Date.parse("2026-03-31T23:59:59Z")),
    async readUsage(tenant, ask) {
      asked.push([tenant, ask]);
      return { rows, total: sums, more: false };
    },
  })(app);
  const get = (url: string, authorization = `Bearer ${key}`) => app.inject({ url, headers: { authorization } });
  return { asked, get };
}

describe("usage", () => {
  test("is of the caller's tenant, by day and of the last 30 days unless asked otherwise", async () => {
    const { get, asked } = setUp([{ day: "2026-03-31", ...sums }]);
    const reply = await get("/v1/usage");
    assert.deepEqual(reply.json(), {
      ...{ object: "usage", from: "2026-03-02", to: "2026-03-31", group_by: ["day"] },
      ...{ data: [{ day: "2026-03-31", ...sums }], total: sums, has_more: false },
    });
    await get("/v1/usage?from=2026-01-01&to=2026-01-31&group_by=user,model&limit=5");
    const usual = { from: "2026-03-02", to: "2026-03-31", group_by: ["day"], limit: 1_000 };
    assert.deepEqual(asked, [
      ["demo", usual],
      ["demo", { from: "2026-01-01", to: "2026-01-31", group_by: ["user", "model"], limit: 5 }],
    ]);
  });

  test("comes as CSV too, in which no name is a formula", async () => {
    const { get } = setUp([
      { user: '=HYPERLINK("x")', tier: "a,b", ...sums },
      { user: null, tier: "small", ...sums },
    ]);
    const reply = await get("/v1/usage?group_by=user,tier&format=csv");
    assert.match(String(reply.headers["content-type"]), /^text\/csv/);
    assert.equal(
      reply.body,
      [
        "user,tier,requests,succeeded,cache_hits,prompt_tokens,completion_tokens,cost_usd",
        `"'=HYPERLINK(""x"")","a,b",2,1,1,3,4,0.5`,
        ",small,2,1,1,3,4,0.5",
        "",
      ].join("\r\n"),
    );
  });

  test("says which field of the query is wrong", async () => {
    const { get, asked } = setUp();
    for (const [query, param] of [
      ["from=yesterday", "from"],
      ["from=2026-04-01", "from"],
      ["from=2024-01-01", "from"],
      ["to=2026-02-30", "to"],
      ["group_by=password", "group_by"],
      ["group_by=", "group_by"],
      ["group_by=day,day", "group_by"],
      ["group_by=day,user,model,tier,status", "group_by"],
      ["limit=0", "limit"],
      ["format=xml", "format"],
    ]) {
      const reply = await get(`/v1/usage?${query}`);
      assert.deepEqual([reply.statusCode, reply.json().error.param], [400, param], query);
    }
    assert.equal((await get("/v1/usage?tenant=other")).statusCode, 400);
    assert.equal((await get("/v1/usage", "Bearer no")).statusCode, 401);
    assert.deepEqual(asked, []);
  });
});
