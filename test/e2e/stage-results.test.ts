/**
 * Results that an earlier version wrote wrongly are made anew from the outcomes: each row is corrected and each Result is once on the
 * replay's topic, while nothing new is published, charged or told.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import type { Result } from "../../libs/shared/events/flow.ts";
import { KafkaTopicMaker } from "../../libs/shared/kafka/topic-maker.ts";
import { makeReplayTopic } from "../../libs/shared/replay/topic.ts";
import type { Recorded } from "../../services/replay/contract.ts";
import { createStageWorker } from "../../services/replay/stage/worker.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";

const COUNT = process.env["SLUICE_TEST_SIZE"] === "full" ? 1_000 : 60;
const REPLAY = "rp_stageresults1";

describe("the stage results", () => {
  let pipeline: Pipeline;
  let pool: pg.Pool;
  let hook: Server;
  let called = 0;
  before(async () => {
    hook = createServer((request, response) => {
      called += 1;
      request.resume();
      response.end();
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    const settings = { topics: { partitions: 2 }, webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] } };
    pipeline = await startPipeline({ name: "stage-results", settings });
    pool = new pg.Pool({ connectionString: pipeline.env["DATABASE_URL"], max: 1 });
  });
  after(async () => {
    await pool?.end();
    await pipeline?.stop();
    hook?.close();
  });

  test("corrects what is wrong, once, and does nothing else", async () => {
    const { names, kafka, settings } = pipeline;
    const ids = Array.from({ length: COUNT }, (_, at) => pipeline.id(String(at)));
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
    await pipeline.produce(
      ids.map((id, at) => ({
        value: {
          ...{ tenant: "demo", id, body: chat(id, { max_tokens: 5 }) },
          ...(at === 0 ? { callback: { url } } : {}),
        },
      })),
    );
    const first = await pipeline.resultsOf(ids);
    await pipeline.settled();
    const rows = async () =>
      (await pool.query("SELECT id, status, tier, cost_nusd, result FROM sluice_results ORDER BY id")).rows;
    const right = await rows();
    const [usage, called_before] = [await TopicLog.readAll(kafka, names.usage), called];
    // What a version with a bug would have written.
    await pool.query(
      `UPDATE sluice_results SET status = 'failed', tier = 'wrong', cost_nusd = 7, result = '{"id":"wrong"}'`,
    );

    await makeReplayTopic(new KafkaTopicMaker(kafka), settings, REPLAY);
    const outcomes = await TopicLog.readAll(kafka, names.outcomes);
    const worker = await createStageWorker(
      { names, settings },
      { id: REPLAY, spec: { mode: "stage", stage: "results", selection: { topic: names.outcomes } } },
    );
    const recorded = outcomes.map((source): Recorded => {
      const { tenant, id } = jsonOf(source) as Result;
      return { source, tenant, id, key: source.key, received_ms: source.timestamp_ms, headers: source.headers };
    });
    const { done } = await worker.run(recorded, new AbortController().signal);
    await pipeline.produce(
      done
        .flatMap(({ beside = [] }) => beside)
        .map((record) => ({ ...record, headers: record.headers ?? {}, key: record.key?.toString() ?? null })),
    );

    const log = new TopicLog(kafka, names.replay(REPLAY));
    await log.start();
    await log.until(
      () => log.records.length >= COUNT,
      () => `${COUNT - log.records.length} of ${COUNT} corrections`,
    );
    await pipeline.settled();
    await log.stop();
    assert.deepEqual(await rows(), right);
    const { rows: by } = await pool.query("SELECT DISTINCT corrected_by FROM sluice_results");
    assert.deepEqual(by, [{ corrected_by: REPLAY }]);
    const corrections = log.records.map((record) => jsonOf(record) as Result);
    assert.deepEqual(corrections.map(({ id }) => id).sort(), [...ids].sort());
    assert.ok(corrections.every(({ replay }) => replay?.id === REPLAY && replay.mode === "stage"));
    const { replay: _, ...same } = corrections.find(({ id }) => id === ids[1]) as Result;
    assert.deepEqual(same, first.get(ids[1] as string)?.[0]);
    assert.equal(pipeline.results.records.length, COUNT);
    assert.equal((await TopicLog.readAll(kafka, names.usage)).length, usage.length);
    assert.equal(called, called_before);
  });
});
