/**
 * Inference workers are killed again and again in the middle of their calls: whatever was answered is not paid for again, and what
 * may have been paid for twice is counted, in the ledger as at the model.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { readLedgerTotals } from "../../libs/shared/redis/ledger-totals.ts";
import { FULL, OUTSTANDING_MAX, random, startLoad, verify } from "../support/faults.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";

const REQUESTS = FULL ? 5_000 : 600;
const KILLS = FULL ? 20 : 3;
const WORKERS = ["inference", "inference-2"] as const;

describe("SIGKILL of inference workers", () => {
  let pipeline: Pipeline;
  before(async () => {
    const scale = { inference: WORKERS.length, gateway: 0 };
    pipeline = await startPipeline({ name: "ledger", scale, mock_args: ["--latency-ms", "200"] });
  });
  after(() => pipeline.stop());

  test("repeats no more calls than were in flight, and counts each", async (t) => {
    const load = startLoad(pipeline, "ledger", REQUESTS);
    let in_flight = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      await load.answered(Math.floor((REQUESTS * (kill + random.next())) / (KILLS + 1)));
      await load.atWork();
      const { concurrency } = await pipeline.mockStats();
      in_flight += Math.min(OUTSTANDING_MAX, concurrency);
      await pipeline.processes.restart(WORKERS[kill % WORKERS.length] as string, "SIGKILL");
    }
    await load.done;
    const extra_calls = (await pipeline.calls(2)).reduce((sum, { calls }) => sum + calls - 1, 0);
    const counted = await unknownCalls(pipeline);
    await verify(t, pipeline, load.ids, { kills: KILLS, in_flight, counted });
    assert.ok(extra_calls <= OUTSTANDING_MAX * KILLS, `${extra_calls} calls more than requests over ${KILLS} kills`);
    // A worker may die between its line in the ledger and the call: that call was not made, and counts all the same.
    assert.ok(counted.unknown_calls >= extra_calls, `${counted.unknown_calls} counted, ${extra_calls} made`);
    if (extra_calls > 0) assert.ok(counted.duplicate_nusd > 0, "in dollars too");
  });
});

async function unknownCalls({ env, settings }: Pipeline) {
  const redis = connectRedis(env["REDIS_URL"] as string, "ledger-test", silentLog, settings.redis.key_prefix);
  try {
    await redisReady(redis, 5_000);
    return await readLedgerTotals(redis, "demo");
  } finally {
    redis.disconnect();
  }
}
