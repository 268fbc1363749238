/** The model itself, in threads. It lies where SLUICE_EMBEDDING_MODEL_DIR says: `npm test` sets it where the model can be had. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import type { Embedder } from "../../../../libs/shared/embedding/embedder.ts";
import { openEmbedder } from "../../../../libs/shared/embedding/open.ts";
import { cosine } from "../../../../libs/shared/embedding/quantized.ts";
import { SluiceError } from "../../../../libs/shared/errors.ts";

const model_dir = process.env["SLUICE_EMBEDDING_MODEL_DIR"];
const SETTINGS = { ...cacheSchema.parse({}).semantic.embedding, timeout_ms: 60_000 };
const TEXTS = ["how do I reset my password", "I forgot my password, what now?", "the train to Lisbon leaves at nine"];

async function using(changes: Partial<typeof SETTINGS>, work: (embedder: Embedder) => Promise<void>) {
  const embedder = await openEmbedder({ ...SETTINGS, ...changes }, { model_dir });
  try {
    await work(embedder);
  } finally {
    await embedder.close();
  }
}

describe("the model in this process", { skip: model_dir === undefined && "there is no model" }, () => {
  test("puts texts of one meaning nearer to each other than to others", async () => {
    await using({}, async (embedder) => {
      const [asked, alike, other] = (await embedder.embed(TEXTS)) as [Float32Array, Float32Array, Float32Array];
      assert.equal(asked.length, embedder.dimensions);
      assert.ok(Math.abs(cosine(asked, asked) - 1) < 1e-6 && Math.abs(Math.hypot(...asked) - 1) < 1e-5);
      assert.ok(cosine(asked, alike) > 0.6);
      assert.ok(cosine(asked, other) < 0.3);
    });
  });

  test("gives a text the same vector whatever is embedded with it", async () => {
    const alone: Float32Array[] = [];
    await using({ workers: 1 }, async (embedder) => {
      for (const text of TEXTS) alone.push(...(await embedder.embed([text])));
    });
    await using({ workers: 2 }, async (embedder) => {
      const many = Array.from({ length: 40 }, (_, at) => `${"more and ".repeat(at)} more`);
      assert.deepEqual((await embedder.embed([...many, ...TEXTS])).slice(-TEXTS.length), alone);
    });
  });

  test("takes texts of any length and kind", async () => {
    await using({ workers: 1 }, async (embedder) => {
      const vectors = await embedder.embed(["", "word ".repeat(5_000), "\u0000\ud800 🙂 日本語", "x".repeat(100_000)]);
      for (const vector of vectors) assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
    });
  });
});

describe("a model that is not there", () => {
  const impossible = (words: RegExp) => (error: unknown) =>
    error instanceof SluiceError &&
    error.code === "embedding_unavailable" &&
    !error.retryable &&
    words.test(error.message);

  test("is an error that says what is missing", async () => {
    await assert.rejects(openEmbedder(SETTINGS, {}), impossible(/no folder with the model/));
    await assert.rejects(openEmbedder(SETTINGS, { model_dir: "/nonexistent" }), impossible(/onnx is missing/));
    const endpoint = { ...SETTINGS, endpoint: "mine" };
    await assert.rejects(
      openEmbedder(endpoint, { model_dir: "/nonexistent" }),
      impossible(/endpoint mine is not known/),
    );
  });
});
