/** Whose requests a key may have explained. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import type { KeyScope } from "../../../../libs/shared/events/tenants.ts";
import type { Explanation } from "../../../../libs/shared/explain/explanation.ts";
import { KEY_RANDOM_BYTES, makeKey } from "../../../../libs/shared/keys.ts";
import { KeyRing } from "../../../../services/gateway/keys.ts";
import { explainRoutes } from "../../../../services/gateway/routes/explain.ts";

const keys = new KeyRing();
const keyOf = (seed: number, tenant: string, scopes: KeyScope[]): string => {
  const { key, id, hash } = makeKey(Buffer.alloc(KEY_RANDOM_BYTES, seed));
  keys.apply({ id, record: { kind: "key", id, tenant, hash, scopes, created_ms: 0 } });
  return key;
};
const reader = keyOf(1, "demo", ["read"]);
const sender = keyOf(2, "demo", ["submit"]);
const admin = keyOf(3, "ops", ["admin"]);

describe("GET /v1/requests/:id/explain", () => {
  let app: FastifyInstance;
  const asked: string[] = [];
  let hold: Promise<void> | undefined;

  before(async () => {
    const explain = async (tenant: string, id: string): Promise<Explanation | undefined> => {
      asked.push(`${tenant} ${id}`);
      await hold;
      return id === "r1" && tenant === "demo" ? ({ object: "explanation", id, tenant } as Explanation) : undefined;
    };
    app = Fastify();
    explainRoutes({ keys, explain })(app);
    await app.ready();
  });
  after(() => app.close());

  const get = (path: string, key?: string) =>
    app.inject({ url: `/v1/requests/${path}`, headers: key === undefined ? {} : { authorization: `Bearer ${key}` } });

  test("is the key's tenant's own request, and nobody else's", async () => {
    const found = await get("r1/explain", reader);
    assert.deepEqual([found.statusCode, found.json().tenant], [200, "demo"]);
    assert.equal((await get("r1/explain?tenant=demo", reader)).statusCode, 200);
    assert.equal((await get("r1/explain?tenant=other", reader)).statusCode, 403);
    assert.equal((await get("r1/explain", sender)).statusCode, 403);
    assert.equal((await get("r1/explain")).statusCode, 401);
    assert.ok(!asked.some((one) => one.startsWith("other")));
  });

  test("is any tenant's for an administrator who names it", async () => {
    assert.equal((await get("r1/explain?tenant=demo", admin)).statusCode, 200);
    assert.equal((await get("r1/explain?tenant=other", admin)).statusCode, 404);
  });

  test("of an id that nobody has is as of one that cannot be", async () => {
    const [never, odd] = [await get("r2/explain", reader), await get("a%20b/explain", reader)];
    assert.deepEqual([never.statusCode, odd.statusCode], [404, 404]);
    assert.deepEqual(never.json(), odd.json());
    assert.equal((await get("r1/explain?tenant=%00", reader)).statusCode, 400);
    assert.equal((await get("r1/explain?other=1", reader)).statusCode, 400);
  });

  test("is for few at once", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    hold = promise;
    const before = asked.length;
    const held = Array.from({ length: 4 }, () => get("r1/explain", reader).then(({ statusCode }) => statusCode));
    while (asked.length < before + 4) await new Promise((next) => setImmediate(next));
    const busy = await get("r1/explain", reader);
    assert.deepEqual([busy.statusCode, busy.json().error.code], [503, "overloaded"]);
    resolve();
    hold = undefined;
    assert.deepEqual(await Promise.all(held), [200, 200, 200, 200]);
    assert.equal((await get("r1/explain", reader)).statusCode, 200);
  });
});
