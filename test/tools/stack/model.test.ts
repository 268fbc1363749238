/** Where the embedding model comes from, as far as it can be judged without Maven. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { cacheSchema } from "../../../libs/shared/config/cache.ts";
import { routingSchema } from "../../../libs/shared/config/routing.ts";
import { embeddingModelDir, modelEnv } from "../../../tools/stack/model.ts";

const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const NO_TOOLS = { PATH: "/nonexistent" };
const settingsOf = (semantic: object, shadows: object = {}) => ({
  cache: cacheSchema.parse({ semantic }),
  routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "small", shadows }),
});

function setUp() {
  const root = mkdtempSync(join(tmpdir(), "sluice-model-"));
  after(() => rmSync(root, { recursive: true, force: true }));
  cpSync(join(ROOT, "tools", "stack", "model"), join(root, "tools", "stack", "model"), { recursive: true });
  const said: string[] = [];
  return { root, said, say: (line: string) => void said.push(line) };
}

describe("the embedding model's folder", () => {
  test("is the one that the environment names, whatever is there", async () => {
    const { root, say } = setUp();
    const env = { ...NO_TOOLS, SLUICE_EMBEDDING_MODEL_DIR: "/models" };
    assert.equal(await embeddingModelDir({ root, env, say }), "/models");
  });

  test("is the one that was fetched before, without Maven", async () => {
    const { root, said, say } = setUp();
    const dir = join(root, ".sluice", "models", "all-minilm-l6-v2-q");
    mkdirSync(dir, { recursive: true });
    const pom = readFileSync(join(root, "tools", "stack", "model", "pom.xml"));
    writeFileSync(join(dir, "stamp"), createHash("sha256").update(pom).digest("hex"));
    assert.deepEqual(await modelEnv({ root, env: NO_TOOLS, say }, settingsOf({})), { SLUICE_EMBEDDING_MODEL_DIR: dir });
    assert.deepEqual(said, []);
  });

  test("is none without Maven: a line says what is off and how to get it", async () => {
    const { root, said, say } = setUp();
    assert.deepEqual(await modelEnv({ root, env: NO_TOOLS, say }, settingsOf({})), {});
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /semantic cache is off; everything else works.*Install Maven/);
  });

  test("is none for a model that cannot be fetched", async () => {
    const { root, said, say } = setUp();
    assert.deepEqual(await modelEnv({ root, env: NO_TOOLS, say }, settingsOf({ embedding: { model: "mine" } })), {});
    assert.match(said[0] ?? "", /SLUICE_EMBEDDING_MODEL_DIR is not set/);
  });

  test("is not asked for where an endpoint embeds, or nothing is looked for by meaning", async () => {
    const { root, said, say } = setUp();
    for (const semantic of [{ enabled: false }, { embedding: { endpoint: "mine" } }]) {
      assert.deepEqual(await modelEnv({ root, env: NO_TOOLS, say }, settingsOf(semantic)), {});
    }
    assert.deepEqual(said, []);
  });

  test("is asked for where shadows are compared by meaning", async () => {
    const { root, said, say } = setUp();
    const shadows = { large: { to: "large", share: 0.1, budget_day_usd: 1 } };
    await modelEnv({ root, env: NO_TOOLS, say }, settingsOf({ enabled: false }, shadows));
    assert.equal(said.length, 1);
  });
});
