/** Retry topics on the real parts: what waits there is entered again when due, as the request that it was. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const DELAY = "1s";
const DELAY_MS = 1_000;

describe("records of a retry topic", () => {
  let pipeline: Pipeline;
  before(async () => {
    const settings = { topics: { retry_delays: [DELAY] } };
    pipeline = await startPipeline({ name: "retry", settings, scale: { gateway: 0 } });
  });
  after(() => pipeline.stop());

  test("end in one Result each, of the original's id and arrival, not before they are due, late ones as expired", async () => {
    const { names } = pipeline;
    const topic = names.retry(DELAY);
    const now_ms = Date.now();
    const received_ms = now_ms - 60_000;
    const due_ms = now_ms + DELAY_MS;
    const headersOf = (offset: number) => ({
      "sluice-origin": `${names.requests} 0 ${offset} ${received_ms}`,
      "sluice-round": "1",
      "sluice-due-ms": String(due_ms),
    });
    const late = pipeline.id("late");
    const deadline = new Date(due_ms - 1).toISOString();
    await pipeline.produce([
      { topic, key: "a", value: { tenant: "demo", body: chat("again") }, headers: headersOf(1_000_000) },
      {
        topic,
        key: late,
        value: { tenant: "demo", id: late, deadline, body: chat("late") },
        headers: headersOf(1_000_001),
      },
      { topic, key: "garbage", value: "garbage" },
    ]);
    const derived = `${names.requests}-0-1000000`;
    const results = await pipeline.resultsOf([derived, late]);
    await pipeline.settled();

    const again = only(results, derived);
    assert.equal(again.status, "succeeded");
    assert.equal(again.timing.received, received_ms);
    assert.ok((again.timing.admitted ?? 0) >= due_ms, "entered when it was due");
    const expired = only(results, late);
    assert.deepEqual([expired.status, expired.error?.code], ["expired", "deadline_exceeded"]);
    assert.ok((expired.timing.completed ?? 0) >= due_ms);

    const [letter, ...others] = await pipeline.deadLetters(1);
    assert.deepEqual(others, []);
    assert.equal(letter?.headers["kafka_dlt-original-topic"], topic);
    assert.equal(letter?.headers["sluice-error-code"], "not_json");
    assert.equal(pipeline.results.records.length, 2);
  });
});
