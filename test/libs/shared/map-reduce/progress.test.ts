/** How far a map-reduce is, in numbers and in words. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  firstState,
  type MapReduceSpec,
  type MapReduceState,
  newWave,
  retried,
} from "../../../../libs/shared/map-reduce/job.ts";
import { itemsToCome, progressOf, sampled, timeLeft_ms } from "../../../../libs/shared/map-reduce/progress.ts";

const SPEC: MapReduceSpec = {
  input_file_id: "file-1",
  map: { prompt: "m", max_output_tokens: 10 },
  reduce: { prompt: "r", max_output_tokens: 10 },
  fan_in: 10,
  shard_tokens: 100,
  budget_usd: 1,
  on_failed_shard: "skip",
  window_ms: 1_000_000,
  tries: 3,
  asked_hash: "",
};
const FIRST = firstState("mr_1", SPEC, 0);
const job = (more: Partial<MapReduceState>) => ({
  status: "in_progress" as const,
  spec: SPEC,
  state: { ...FIRST, ...more },
});

describe("progress", () => {
  test("says what is being done, how much has failed, and how long it takes", () => {
    const map = { ...newWave(0, 500), succeeded: 310, failed: 2 };
    const samples = [
      [0, 0],
      [100_000, 312],
    ] as const;
    const { text, eta_s, map: counts } = progressOf(job({ waves: [map], samples }), 100_000);
    assert.equal(text, "map 310/500, 2 failed, 1 min left");
    assert.deepEqual(counts, { total: 500, done: 310, failed: 2 });
    // 188 of the map, then 50, 5 and 1.
    assert.equal(eta_s, Math.ceil((188 + 56) / 3.12));
    const reducing = job({
      waves: [
        { ...newWave(0, 500), succeeded: 500 },
        { ...newWave(1, 50), succeeded: 12 },
      ],
      samples,
    });
    assert.equal(progressOf(reducing, 100_000).text, "map 500/500, wave 1 12/50, 0 failed, 15 s left");
    assert.equal(progressOf(job({}), 0).text, "reading documents");
  });

  test("promises nothing while nothing ends, and takes a job that stands for slower and slower", () => {
    assert.equal(timeLeft_ms([], 10, 0), undefined);
    assert.equal(
      timeLeft_ms(
        [
          [0, 5],
          [10_000, 5],
        ],
        10,
        10_000,
      ),
      undefined,
    );
    const at = (now_ms: number) =>
      timeLeft_ms(
        [
          [0, 0],
          [10_000, 10],
        ],
        10,
        now_ms,
      ) as number;
    assert.equal(at(10_000), 10_000);
    assert.ok(at(60_000) > at(20_000));
  });

  test("remembers the last minutes in few samples", () => {
    let samples: MapReduceState["samples"] = [];
    for (let at_ms = 0; at_ms <= 3_600_000; at_ms += 500) samples = sampled(samples, at_ms, at_ms);
    assert.ok(samples.length < 40);
    assert.ok((samples[0] as readonly [number, number])[0] > 3_400_000);
  });

  test("knows how many reduces are to come, for any number of answers", () => {
    assert.deepEqual([itemsToCome(500, 10, false), itemsToCome(1, 10, false), itemsToCome(1, 10, true)], [56, 1, 0]);
    fc.assert(
      fc.property(fc.nat(50_000), fc.integer({ min: 2, max: 100 }), fc.boolean(), (answers, fan_in, reduced) => {
        const sum = itemsToCome(answers, fan_in, reduced);
        assert.ok(sum <= 2 * answers + 1);
      }),
    );
  });
});

describe("a retry", () => {
  const ended = (status: "completed" | "failed", state: Partial<MapReduceState>) => ({
    ...{ status, spec: SPEC },
    state: { ...FIRST, ...state },
  });

  test("of a finished job begins with its failed shards, and its reduces anew under other numbers", () => {
    const map = { ...newWave(0, 10), succeeded: 9, failed: 1, cost_nusd: 50, requests: 10 };
    const reduce = { ...newWave(1, 1), succeeded: 1, cost_nusd: 7, requests: 1 };
    const again = retried(
      ended("completed", { phase: "done", waves: [map, reduce], next_wave: 2, answer: "x" }),
      {},
      5,
    );
    assert.equal(again.kind, "retried");
    if (again.kind !== "retried") return;
    const { waves, past, next_wave, answer, round, deadline_ms } = again.state;
    assert.deepEqual([waves.length, past, next_wave, answer], [1, { cost_nusd: 7, requests: 1 }, 2, undefined]);
    assert.deepEqual([round, deadline_ms, again.status], [2, 1_000_005, "in_progress"]);
  });

  test("is refused where nothing failed, and where the input was bad", () => {
    const map = { ...newWave(0, 10), succeeded: 10 };
    assert.equal(retried(ended("completed", { phase: "done", waves: [map] }), {}, 5).kind, "nothing");
    assert.equal(retried(ended("failed", { errors: [{ code: "c", message: "m" }] }), {}, 5).kind, "invalid");
  });
});
