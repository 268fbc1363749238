/** What a caller may ask for: its own plan's tiers and models, in OpenAI's shape. */
import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import OpenAI, { NotFoundError } from "openai";
import { TenantBook } from "../../../../libs/shared/budgets/tenant-book.ts";
import { settingsSchema } from "../../../../libs/shared/config/schema.ts";
import { type ModelDeps, modelRoutes, modelsOf } from "../../../../services/gateway/routes/models.ts";
import { type Fixture, KEY, listening, ports } from "../gateway-fixture.ts";

const settings = settingsSchema.parse({
  tiers: {
    small: { models: ["org/mini", "nano"] },
    large: { models: ["big", "nano"] },
    vectors: { kind: "embeddings", models: ["embed"] },
  },
  prices: { version: "1", models: {} },
  routing: { default_tier: "small", embeddings_tier: "vectors" },
  plans: {
    default: {},
    cheap: { tiers: ["small"] },
    talk: { features: ["chat", "stream"] },
    odd: { tiers: ["vectors"] },
  },
  tenants: { demo: {}, cheap: { plan: "cheap" }, talk: { plan: "talk" }, lost: { plan: "gone" } },
});
const names = (deps: Omit<ModelDeps, "keys">, tenant: string) => modelsOf(deps, tenant).map(({ id }) => id);

let open: Fixture | undefined;
afterEach(() => open?.close());

describe("the models", () => {
  test("are auto, tiers and models of the tenant's plan, each once", () => {
    const tenants = new TenantBook();
    const of = { settings, tenants };
    assert.deepEqual(names(of, "demo"), ["auto", "small", "large", "vectors", "org/mini", "nano", "big", "embed"]);
    assert.deepEqual(names(of, "cheap"), ["auto", "small", "org/mini", "nano"]);
    assert.deepEqual(names(of, "talk"), ["auto", "small", "large", "org/mini", "nano", "big"]);
    for (const nobody of ["lost", "unknown", "constructor"]) assert.deepEqual(names(of, nobody), []);
    assert.deepEqual(
      modelsOf(of, "cheap").map(({ owned_by }) => owned_by),
      ["sluice", "sluice", "org", "system"],
    );
  });

  test("follow what an administrator changes", () => {
    const tenants = new TenantBook();
    const record = { kind: "tenant", tenant: "demo", plan: "cheap", updated_ms: 1 } as never;
    tenants.apply({ tenant: "demo", record });
    assert.deepEqual(names({ settings, tenants }, "demo"), ["auto", "small", "org/mini", "nano"]);
  });

  test("are listed and found by OpenAI's client, with slashes in their names too", async () => {
    for (const scope of ["submit", "read"] as const) {
      const { keys } = ports(undefined, {}, [scope]).deps;
      const routes = [modelRoutes({ keys, settings, tenants: new TenantBook() })];
      open = await listening(undefined, { keys, routes });
      const client = new OpenAI({ apiKey: KEY, baseURL: `${open.url}/v1`, maxRetries: 0 });
      const listed: string[] = [];
      for await (const { id } of client.models.list()) listed.push(id);
      assert.equal(listed[0], "auto");
      const found = await client.models.retrieve("org/mini");
      assert.deepEqual(found, { id: "org/mini", object: "model", created: 0, owned_by: "org" });
      const plain = await fetch(`${open.url}/v1/models/org/mini`, { headers: { authorization: `Bearer ${KEY}` } });
      assert.equal(((await plain.json()) as { id: string }).id, "org/mini");
      await assert.rejects(client.models.retrieve("nothing"), (error: unknown) => {
        assert.ok(error instanceof NotFoundError);
        assert.deepEqual([error.code, error.param], ["model_not_found", "model"]);
        return true;
      });
      assert.equal((await fetch(`${open.url}/v1/models`)).status, 401);
      await open.close();
    }
  });
});
