/**
 * Dead letters of five reasons on real parts: one reason is redriven after what was wrong is mended, to its Results; the others stay as
 * they are; what comes back again and again is left. The command line does the same.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openContext, registerSchemas } from "../../cli/context.ts";
import { systemClock } from "../../libs/shared/clock.ts";
import { type DeadLetters, openDeadLetters } from "../../libs/shared/dead-letters/dead-letters.ts";
import { deadLetter } from "../../libs/shared/events/dead-letters.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { BatchingProducer } from "../../libs/shared/kafka/producer.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectPostgres, type Pool } from "../../libs/shared/postgres/client.ts";
import { findResult } from "../../libs/shared/postgres/results.ts";
import { sluice } from "../support/budgets.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";
import { until } from "../support/until.ts";

const COUNT = process.env["SLUICE_TEST_SIZE"] === "full" ? 1_000 : 100;
const EACH = COUNT / 5;
const ASK = { by: "test", rate_per_s: 500 };

describe("dead letters", () => {
  let pipeline: Pipeline;
  let letters: DeadLetters;
  let pool: Pool;
  let producer: BatchingProducer;
  before(async () => {
    const settings = {
      topics: { partitions: 2 },
      inference: {
        ...{ attempts_max: 1, retry: { base_ms: 5, cap_ms: 20 }, redelivery: { rounds_max: 0 } },
        // Every call fails for a while. Left to themselves, the breaker would hold the calls back after 20 failures, and the guard
        // the jobs from the 50th dead letter on: as they should where most of what comes fails, and this needs 200 letters of it.
        ...{ breaker: { calls_min: 1_000_000 }, dead_letter_guard: { window_requests: 100_000 } },
      },
    };
    pipeline = await startPipeline({ name: "dead-letters", settings });
    const { kafka, codec, names, env } = pipeline;
    await registerSchemas(await openContext({ ...env, SLUICE_LOG_LEVEL: "silent" }));
    pool = connectPostgres(env["DATABASE_URL"] ?? "", "test", 2, silentLog);
    producer = new BatchingProducer(kafka, pipeline.settings.producer);
    await producer.connect();
    const { settings: own } = pipeline;
    letters = openDeadLetters({ kafka, codec, pool, names, settings: own, publisher: producer, clock: systemClock });
    await plant();
  });
  after(async () => {
    await letters?.close();
    await producer?.close();
    await pool?.end();
    await pipeline?.stop();
  });

  const idsOf = (name: string): string[] => Array.from({ length: EACH }, (_, at) => pipeline.id(`${name}-${at}`));
  const ask = (id: string) => ({ tenant: "demo", id, body: chat(id, { max_tokens: 5 }) });

  /** Jobs that fail at the model, requests that nobody can read, two requests under one id, and letters of records by hand. */
  async function plant(): Promise<void> {
    const { names, produce } = pipeline;
    await pipeline.setMock({ fault_rate: 1, faults: [500] });
    const failing = idsOf("failing");
    await produce(failing.map((id) => ({ value: ask(id) })));
    const results = await pipeline.resultsOf(failing);
    assert.deepEqual(new Set([...results.values()].flat().map(({ status }) => status)), new Set(["failed"]));
    await pipeline.setMock({ fault_rate: 0 });
    await produce(idsOf("junk").map((key) => ({ key, value: "junk" })));
    const taken = idsOf("taken");
    await produce(taken.map((id) => ({ key: id, value: ask(id) })));
    await pipeline.resultsOf(taken);
    await produce(taken.map((id) => ({ key: id, value: { ...ask(id), user: "another" } })));
    await pipeline.deadLetters(3 * EACH);
    await producer.publish([
      ...idsOf("missed").map((id, at) => byHand(id, at, "internal_error", {})),
      ...idsOf("looped").map((id, at) => byHand(id, at, "record_too_large", { "sluice-redrives": "3" })),
    ]);
    await pipeline.deadLetters(COUNT);
    assert.equal(names.dlq, pipeline.names.dlq);
  }

  /** A request that ingest gave up before anything came of it; of a place that no other record has. */
  function byHand(id: string, at: number, code: string, headers: Readonly<Record<string, string>>) {
    const { names } = pipeline;
    const value = Buffer.from(JSON.stringify({ tenant: "demo", id, body: chat(id, { max_tokens: 5 }) }));
    const record: InRecord = {
      ...{ topic: names.requests, partition: 0, offset: 1_000_000 + at, timestamp_ms: Date.now(), headers },
      ...{ key: Buffer.from(id), value },
    };
    return deadLetter({ service: "ingest", group: "g", topic: names.dlq }, record, code, "by hand");
  }

  /** `sluice dlq`. @returns what it says on standard output. */
  async function dlq(code: number, ...args: readonly string[]): Promise<string> {
    const ran = await sluice(pipeline, "dlq", ...args);
    assert.equal(ran.code, code, ran.err);
    return ran.out;
  }

  const waiting = async (): Promise<Record<string, number>> =>
    Object.fromEntries((await letters.groups()).map(({ code, waiting }) => [code, waiting]));

  test("are grouped by their five reasons", async () => {
    const groups = await letters.groups();
    assert.equal(groups.length, 5, JSON.stringify(groups));
    for (const { count, waiting, sample, code } of groups) {
      assert.deepEqual([count, waiting], [EACH, EACH], code);
      assert.ok(sample.place.includes(":"));
    }
  });

  test("of one reason are redriven to their Results, and those of the others stay", async () => {
    const before_all = await waiting();
    const [failed] = (await letters.groups()).filter(({ service }) => service === "inference");
    assert.ok(failed);
    const selection = { codes: [failed.code], services: ["inference"] };
    const dry = await letters.redrive(selection, { ...ASK, dry_run: true });
    assert.equal(dry.run, EACH);
    const summary = await letters.redrive(selection, ASK);
    assert.deepEqual([summary.selected, summary.run, summary.sent_back], [EACH, EACH, 0]);
    const ids = idsOf("failing");
    const corrected = await until("all rows are corrected", async () => {
      const rows = await Promise.all(ids.map((id) => findResult(pool, "demo", id)));
      const results = rows.map((row) => JSON.parse(row?.result ?? "{}") as Result);
      return results.every(({ status }) => status === "succeeded") ? results : undefined;
    });
    assert.ok(corrected);
    await pipeline.settled();
    const own = await TopicLog.readAll(pipeline.kafka, pipeline.names.replay(summary.id));
    const runs = own.map((record) => jsonOf(record) as Result);
    assert.deepEqual(runs.map(({ replay }) => replay?.of).sort(), [...ids].sort());
    // llm.results has what it had: one Result an id, and none of the runs.
    const published = await pipeline.resultsOf(ids);
    assert.ok(ids.every((id) => published.get(id)?.length === 1 && published.get(id)?.[0]?.status === "failed"));
    assert.ok(![...published.keys()].some((id) => id.includes(".redrive")));
    assert.deepEqual(await waiting(), { ...before_all, [failed.code]: 0 });
    const again = await letters.redrive(selection, ASK);
    assert.deepEqual([again.handled_before, again.run], [EACH, 0]);
  });

  test("of requests that never came in are entered, and have one Result each", async () => {
    const flags = ["--code", "internal_error", "--rate", `${ASK.rate_per_s}/s`, "--by", ASK.by, "--yes", "--json"];
    const summary = JSON.parse(await dlq(0, "redrive", ...flags));
    assert.deepEqual([summary.dry_run, summary.sent_back], [false, EACH]);
    const results = await pipeline.resultsOf(idsOf("missed"));
    assert.ok(idsOf("missed").every((id) => results.get(id)?.length === 1));
    assert.ok(idsOf("missed").every((id) => results.get(id)?.[0]?.status === "succeeded"));
  });

  test("are looked at, left and dropped by the command line", async () => {
    const chosen = ["--code", "id_conflict"];
    const drop = ["drop", ...chosen, "--why", "sent twice", "--json"];
    const [letter] = await letters.list({ codes: ["id_conflict"] }, 1);
    const place = letter?.letter.place ?? assert.fail("no letter");
    // None of these changes anything.
    const [json, table, shown, dry, looped, undropped] = await Promise.all([
      dlq(0, "ls", "--json"),
      dlq(0, "ls"),
      dlq(0, "show", place),
      dlq(0, "redrive", ...chosen, "--dry-run", "--json"),
      dlq(1, "redrive", "--code", "record_too_large", "--yes"),
      dlq(0, ...drop),
    ]);
    const { reasons } = JSON.parse(json) as { reasons: { code: string; waiting: number }[] };
    const waits = Object.fromEntries(reasons.map(({ code, waiting }) => [code, waiting]));
    assert.deepEqual(waits, await waiting());
    assert.equal(waits["id_conflict"], EACH);
    assert.match(table, /^reason +service +stood on +waiting/);
    assert.match(table, new RegExp(`^id_conflict +ingest +${pipeline.names.requests} +${EACH} +0 +0 `, "m"));
    assert.match(shown, /state +waiting/);
    assert.match(shown, /a redrive +nothing: its id belongs to a request with other content/);
    const { dry_run, selected, already_ended, run, sent_back } = JSON.parse(dry);
    assert.deepEqual([dry_run, selected, already_ended, run, sent_back], [true, EACH, EACH, 0, 0]);
    assert.match(looped, new RegExp(`^${EACH} selected: ${EACH} left: they came back too often\n`));
    assert.equal(JSON.parse(undropped).done, false);
    const dropped = JSON.parse(await dlq(0, ...drop, "--yes", "--by", "maria"));
    assert.deepEqual([dropped.done, dropped.dropped], [true, EACH]);
    assert.equal((await waiting())["id_conflict"], 0);
    const [after, again] = await Promise.all([dlq(0, "show", place), dlq(0, ...drop, "--yes")]);
    assert.match(after, /state +dropped .* by maria: sent twice/);
    assert.deepEqual([JSON.parse(again).dropped, JSON.parse(again).handled_before], [0, EACH]);
  });

  test("that come back are dead letters again until they came back too often", async () => {
    for (const redrives of [0, 1, 2]) {
      const selection = { codes: ["not_json"], state: "waiting" as const };
      const summary = await letters.redrive(selection, ASK);
      assert.equal(summary.sent_back, EACH, `round ${redrives}`);
      await pipeline.deadLetters(COUNT + (redrives + 1) * EACH);
    }
    const left = await letters.redrive({ codes: ["not_json"] }, ASK);
    assert.deepEqual([left.looped, left.sent_back, left.handled_before], [EACH, 0, 3 * EACH]);
    const looped = await letters.redrive({ codes: ["record_too_large"] }, ASK);
    assert.deepEqual([looped.looped, looped.sent_back], [EACH, 0]);
  });
});
