/** Texts of concurrent calls: what goes together, what waits, and what gives up. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import type { EmbeddingBackend } from "../../../../libs/shared/embedding/backend.ts";
import { GatheringEmbedder } from "../../../../libs/shared/embedding/gathering.ts";
import { SluiceError } from "../../../../libs/shared/errors.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const SETTINGS = cacheSchema.parse({}).semantic.embedding;

/** Answers a batch when told to: the vector of a text is its length. */
class ManualBackend implements EmbeddingBackend {
  readonly dimensions = 1;
  readonly lanes: number;
  readonly batches: { readonly texts: readonly string[]; end(error?: Error): Promise<void> }[] = [];
  closed = false;

  constructor(lanes: number) {
    this.lanes = lanes;
  }

  embed(texts: readonly string[]): Promise<Float32Array[]> {
    const done = Promise.withResolvers<Float32Array[]>();
    this.batches.push({
      texts,
      async end(error) {
        if (error === undefined) done.resolve(texts.map((text) => Float32Array.of(text.length)));
        else done.reject(error);
        await turns();
      },
    });
    return done.promise;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  get sent(): readonly (readonly string[])[] {
    return this.batches.map(({ texts }) => texts);
  }
}

/** Until what is ready has run. */
const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp(lanes: number, changes: Partial<typeof SETTINGS> = {}) {
  const backend = new ManualBackend(lanes);
  const clock = new VirtualClock(0);
  const embedder = new GatheringEmbedder(backend, { ...SETTINGS, ...changes }, clock);
  return { backend, clock, embedder };
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof SluiceError && error.code === "embedding_unavailable" && error.retryable;

describe("texts that are embedded", () => {
  test("go at once to an idle backend; what comes meanwhile goes together next", async () => {
    const { backend, embedder } = setUp(1, { batch_max: 2 });
    const calls = ["a", "bb", "ccc", "dddd"].map((text) => embedder.embed([text]));
    assert.deepEqual(backend.sent, [["a"]]);
    await backend.batches[0]?.end();
    assert.deepEqual(backend.sent, [["a"], ["bb", "ccc"]]);
    await backend.batches[1]?.end();
    await backend.batches[2]?.end();
    const vectors = (await Promise.all(calls)).flat();
    assert.deepEqual(
      vectors.map(([value]) => value),
      [1, 2, 3, 4],
    );
  });

  test("are shared out evenly over the lanes that are free", () => {
    const { backend, embedder } = setUp(2);
    void embedder.embed(["a", "b", "c", "d"]).catch(() => undefined);
    assert.deepEqual(backend.sent, [
      ["a", "b"],
      ["c", "d"],
    ]);
  });

  test("are embedded once, however often they are asked for", async () => {
    const { backend, embedder } = setUp(1);
    const calls = [embedder.embed(["a", "a"]), embedder.embed(["a"])];
    await backend.batches[0]?.end();
    const [twice, once] = await Promise.all(calls);
    assert.equal(twice?.length, 2);
    assert.equal(twice?.[0], once?.[0]);
    assert.equal((await embedder.embed(["a"]))[0], once?.[0]);
    assert.deepEqual(backend.sent, [["a"]]);
  });

  test("come back in the order in which they were asked for, remembered ones among them", async () => {
    const { backend, embedder } = setUp(1);
    const first = embedder.embed(["bb"]);
    await backend.batches[0]?.end();
    await first;
    const call = embedder.embed(["ccc", "bb", "a"]);
    await backend.batches[1]?.end();
    assert.deepEqual(
      (await call).map(([value]) => value),
      [3, 2, 1],
    );
    assert.deepEqual(backend.sent[1], ["ccc", "a"]);
  });
});

describe("texts that are not embedded", () => {
  test("are refused when too many wait", async () => {
    const { backend, embedder } = setUp(1, { waiting_max: 2 });
    const calls = ["a", "b", "c"].map((text) => embedder.embed([text]));
    await assert.rejects(embedder.embed(["d"]), isUnavailable);
    await backend.batches[0]?.end();
    await backend.batches[1]?.end();
    await Promise.all(calls);
  });

  test("are given up after the time-out, and not sent any more where nobody else waits for them", async () => {
    const { backend, clock, embedder } = setUp(1, { timeout_ms: 100 });
    const early = Promise.allSettled(["a", "alone", "shared"].map((text) => embedder.embed([text])));
    clock.after(50, () => undefined);
    await clock.run(() => false, 50);
    const late = embedder.embed(["shared"]);
    await clock.run(() => false, 100);
    for (const ended of await early) assert.ok(ended.status === "rejected" && isUnavailable(ended.reason));
    await backend.batches[0]?.end();
    assert.deepEqual(backend.sent, [["a"], ["shared"]]);
    await backend.batches[1]?.end();
    assert.deepEqual((await late)[0]?.[0], 6);
  });

  test("fail with their batch alone, and may be asked for again", async () => {
    const { backend, embedder } = setUp(1);
    const failed = assert.rejects(embedder.embed(["a"]), isUnavailable);
    const next = embedder.embed(["b"]);
    await backend.batches[0]?.end(new SluiceError("embedding_unavailable", "away", { retryable: true }));
    await failed;
    await backend.batches[1]?.end();
    assert.equal((await next).length, 1);
    const again = embedder.embed(["a"]);
    await backend.batches[2]?.end();
    assert.equal((await again).length, 1);
  });

  test("fail when it is closed", async () => {
    const { backend, embedder } = setUp(1);
    void embedder.embed(["a"]).catch(() => undefined);
    const waiting = embedder.embed(["b"]);
    await embedder.close();
    await assert.rejects(waiting, isUnavailable);
    await assert.rejects(embedder.embed(["c"]), isUnavailable);
    assert.ok(backend.closed);
  });
});
