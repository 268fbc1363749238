/** What a stage sends again, and where. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Settings } from "../../../../libs/shared/config/schema.ts";
import type { Result } from "../../../../libs/shared/events/flow.ts";
import type { ReplaySpec, Stage } from "../../../../libs/shared/replay/replay.ts";
import type { Recorded } from "../../../../services/replay/contract.ts";
import { createStageWorker } from "../../../../services/replay/stage/worker.ts";
import { inRecord, NAMES } from "../../../support/memory-ports.ts";

const PARTS = { names: NAMES, settings: { topics: { retry_delays: ["5s", "1m"] } } as unknown as Settings };
const ORIGINAL: Result = { id: "a", tenant: "demo", status: "succeeded", timing: {} };

const recorded = (topic: string, original?: Result): Recorded => {
  const headers = { "sluice-carried-at": "7", "sluice-origin": "llm.requests 9 9 9", "x-mine": "kept" };
  const source = inRecord({ id: "a" }, { topic, partition: 2, offset: 8, timestamp_ms: 50, headers });
  const kept = original === undefined ? {} : { original };
  return { source, tenant: "demo", id: "a", key: source.key, received_ms: 1, headers, ...kept };
};
async function work(stage: Stage, topic: string, original?: Result) {
  const spec: ReplaySpec = { mode: "stage", stage, selection: { topic } };
  const worker = await createStageWorker(PARTS, { id: "rp1", spec });
  const { done } = await worker.run([recorded(topic, original)], new AbortController().signal);
  return done[0];
}
const markOf = (topic: string): string => JSON.stringify({ id: "rp1", mode: "stage", place: `${topic} 2 8` });

describe("a stage", () => {
  test("sends outcomes again behind themselves: the same bytes, with a mark", async () => {
    const topic = NAMES.outcomes;
    const one = await work("results", topic, ORIGINAL);
    assert.equal(one?.fate, "sent");
    const [again] = one?.beside ?? [];
    const { source } = recorded(topic);
    assert.deepEqual(again, {
      ...{ topic, partition: 2, key: source.key, value: source.value },
      headers: { ...source.headers, "sluice-replay": markOf(topic) },
    });
  });

  test("of an earlier service sends only requests without a Result", async () => {
    const inputs = { ingest: NAMES.requests, router: NAMES.batch(NAMES.admitted), inference: NAMES.jobs("small") };
    for (const [stage, topic] of Object.entries(inputs)) {
      const ended = await work(stage as Stage, topic, ORIGINAL);
      assert.deepEqual([ended?.fate, ended?.beside], ["ended", undefined]);
      assert.equal((await work(stage as Stage, topic))?.fate, "sent");
    }
  });

  test("enters requests by a retry topic, where their first place is known", async () => {
    const [again] = (await work("ingest", NAMES.requests))?.beside ?? [];
    assert.deepEqual([again?.topic, again?.partition], [NAMES.retry("5s"), undefined]);
    assert.equal(again?.headers?.["sluice-origin"], "llm.requests 2 8 50");
    assert.equal(again?.headers?.["sluice-replay"], markOf(NAMES.requests));
  });

  test("reads its own input and nothing else", async () => {
    await assert.rejects(work("results", NAMES.results), { code: "usage" });
    await assert.rejects(work("router", NAMES.requests), { code: "usage" });
    await assert.rejects(work("inference", NAMES.dlq), { code: "usage" });
  });
});
