/** Threads that embed: what becomes of their work when they die, and of them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WorkerPool } from "../../../../libs/shared/embedding/worker-pool.ts";
import { SluiceError } from "../../../../libs/shared/errors.ts";
import { VirtualClock } from "../../../../tools/simulate/virtual-clock.ts";

const program = new URL("./fake-worker.ts", import.meta.url);

async function withPool(workers: number, work: (pool: WorkerPool, clock: VirtualClock) => Promise<void>) {
  const clock = new VirtualClock(0);
  const files = { onnx: "", tokenizer: "" };
  const pool = await WorkerPool.open({ files, workers, clock, random: () => 0, program });
  try {
    await work(pool, clock);
  } finally {
    await pool.close();
  }
}

const unavailable = (words: RegExp) => (error: unknown) =>
  error instanceof SluiceError && error.code === "embedding_unavailable" && words.test(error.message);

/** Lets virtual time pass until a new thread answers. */
async function untilAlive(pool: WorkerPool, clock: VirtualClock): Promise<Float32Array[]> {
  for (;;) {
    await clock.run(() => false, clock.now_ms() + 60_000);
    const vectors = await pool.embed(["abc"]).catch(() => undefined);
    if (vectors !== undefined) return vectors;
  }
}

describe("threads that embed", () => {
  test("give a vector for each text", async () => {
    await withPool(2, async (pool) => {
      assert.equal(pool.dimensions, 2);
      assert.deepEqual(await pool.embed(["a", "bb"]), [Float32Array.of(1, 1), Float32Array.of(2, 1)]);
    });
  });

  test("that fail at a text go on with the next", async () => {
    await withPool(1, async (pool) => {
      const [failed, next] = await Promise.allSettled([pool.embed(["fail"]), pool.embed(["a"])]);
      assert.ok(failed?.status === "rejected" && unavailable(/it is broken/)(failed.reason));
      assert.equal(next?.status, "fulfilled");
    });
  });

  test("that die take what they had in hand along, and are replaced", async () => {
    await withPool(1, async (pool, clock) => {
      for (const _ of [1, 2]) {
        await assert.rejects(pool.embed(["die"]), unavailable(/thread that embedded ended/));
        await assert.rejects(pool.embed(["a"]), unavailable(/no thread/));
        assert.deepEqual(await untilAlive(pool, clock), [Float32Array.of(3, 1)]);
      }
    });
  });

  test("that stand still are ended, and replaced", async () => {
    await withPool(1, async (pool, clock) => {
      const silent = assert.rejects(pool.embed(["silent"]), unavailable(/thread that embedded ended/));
      await clock.run(() => false, 60_000);
      await silent;
      assert.equal((await untilAlive(pool, clock)).length, 1);
    });
  });

  test("that cannot load their model are an error at the start", async () => {
    const files = { onnx: "missing", tokenizer: "" };
    const clock = new VirtualClock(0);
    const opened = WorkerPool.open({ files, workers: 2, clock, random: () => 0, program });
    await assert.rejects(opened, unavailable(/cannot be loaded \(no such file\)/));
  });
});
