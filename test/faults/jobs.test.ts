/** Jobs while every service is killed in turn: a batch of many lines, a map-reduce on a budget; and batches that end in the middle. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import type OpenAI from "openai";
import pg from "pg";
import type { UsageEntry } from "../../libs/shared/events/usage.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { nusd } from "../../libs/shared/money.ts";
import { connectRedis, redisReady } from "../../libs/shared/redis/client.ts";
import { readLedgerTotals } from "../../libs/shared/redis/ledger-totals.ts";
import { SERVICE_NAMES } from "../../tools/stack/services.ts";
import { countersEqualLedger, openCounters } from "../support/budgets.ts";
import { FULL, random, shuffled } from "../support/faults.ts";
import { type Followed, followToEnd } from "../support/followed.ts";
import * as jobs from "../support/jobs.ts";
import { badDocument, documentsOf, type MapReduce, mapReduces } from "../support/map-reduces.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

const LINES = FULL ? 5_000 : 300;
const DOCUMENTS = FULL ? 2_000 : 100;
/** Of documents: the first is one of them. */
const BAD_EVERY = FULL ? 100 : 25;
const ROUNDS = FULL ? 2 : 1;
/** Of batches that do not come to their end. */
const CUT_LINES = FULL ? 2_000 : 200;
/** Of the map alone: what the documents' answers cost is more. */
const FIRST_BUDGET_USD = DOCUMENTS * 0.00004;
const MINUTE_MS = 60_000;

const SETTINGS = {
  // A job goes on for a while, so that kills meet it at work, and is taken over soon.
  jobs: { in_flight_max: FULL ? 500 : 60, chunk: FULL ? 100 : 20, poll_ms: 200, lease_ms: 2_000 },
  inference: { attempts_max: 2, retry: { base_ms: 20, cap_ms: 500 }, redelivery: { rounds_max: 0 } },
};

describe("jobs under faults", () => {
  let pipeline: Pipeline;
  let ledger: TopicLog;
  before(async () => {
    pipeline = await startPipeline({ name: "jobs", settings: SETTINGS, mock_args: ["--latency-ms", "100"] });
    ledger = new TopicLog(pipeline.kafka, pipeline.names.usage);
    await ledger.start();
  });
  after(async () => {
    await ledger?.stop();
    await pipeline?.stop();
  });

  test("a batch and a map-reduce, and every service killed in turn", async (t) => {
    const client = jobs.openAi(pipeline, pipeline.api_key);
    const other_key = await pipeline.createKey("other");
    const reduces = mapReduces(pipeline, other_key);
    await until("the other key is known", () => reduces.isKnown());
    await pipeline.setMock({ fault_rate: 1, faults: ["garbage", 500] });

    const begun_ms = Date.now();
    const batch = await jobs.startBatch(client, { lines: LINES });
    const documents = documentsOf(DOCUMENTS, BAD_EVERY);
    const reduce = await reduces.start(documents, FIRST_BUDGET_USD);
    const events = followToEnd(`${pipeline.gateway_url}/v1/batches/${batch.id}/events`, pipeline.api_key);
    const kills = killAll(pipeline, [batch.id, reduce.id]);
    const driven = driveToEnd(pipeline, ledger, reduces, reduce.id, other_key);
    const [ended, in_flight] = await Promise.all([jobs.batchEnd(client, batch.id), kills, driven, events]);
    const took_ms = Date.now() - begun_ms;
    await pipeline.settled();

    const topics = await jobs.readTopics(pipeline);
    await verifyBatch(t, pipeline, topics, client, ended, { in_flight, took_ms, ...followed(await events) });
    await verifyReduce(t, pipeline, topics, await driven);
  });

  test("a batch that is cancelled and one whose time is over leave every line in one of their files", async (t) => {
    const client = jobs.openAi(pipeline, pipeline.api_key);
    await pipeline.setMock({ fault_rate: 0 });
    const directive = `latency_ms=${FULL ? 3_000 : 500}`;
    const cut = { lines: CUT_LINES, directive };
    const cancelled = await jobs.startBatch(client, cut);
    const expired = await jobs.startBatch(client, { ...cut, ...(FULL ? { window: "1m" } : {}) });
    await jobs.countResults(pipeline, [cancelled.id]).until(CUT_LINES / 10);
    await client.batches.cancel(cancelled.id);
    await jobs.countResults(pipeline, [expired.id]).until(CUT_LINES / 10);
    if (!FULL) await endTime(pipeline, expired.id);
    for (const { id, status } of [
      { ...cancelled, status: "cancelled" },
      { ...expired, status: "expired" },
    ]) {
      const batch = await jobs.batchEnd(client, id);
      assert.equal(batch.status, status);
      await verifyCut(t, client, batch);
    }
    await pipeline.settled();
    const topics = await jobs.readTopics(pipeline);
    for (const { id } of [cancelled, expired]) await jobs.figuresOf(pipeline, topics, id);
  });
});

/** Kills every service, somewhere within its share of the work. @returns model calls that were in flight when inference was. */
async function killAll(pipeline: Pipeline, of: readonly string[]): Promise<number> {
  const victims = Array.from({ length: ROUNDS }, () => shuffled(SERVICE_NAMES)).flat();
  const results = jobs.countResults(pipeline, of);
  const share = (LINES + DOCUMENTS / 2) / (victims.length + 1);
  let in_flight = 0;
  for (const [index, victim] of victims.entries()) {
    await results.until(Math.floor(share * (index + random.next())));
    if (victim === "inference") {
      const { concurrency } = await until("calls are in flight", async () => {
        const stats = await pipeline.mockStats();
        return stats.concurrency > 0 && stats;
      });
      in_flight += concurrency;
    }
    await pipeline.processes.restart(victim, "SIGKILL");
  }
  return in_flight;
}

type Driven = { readonly job: MapReduce; readonly stops: readonly string[]; readonly followed: readonly Followed[] };

/** Whenever it stops it is asked again: with more money, or with a model that answers. */
async function driveToEnd(
  pipeline: Pipeline,
  ledger: TopicLog,
  reduces: ReturnType<typeof mapReduces>,
  id: string,
  key: string,
): Promise<Driven> {
  const stops: string[] = [];
  const seen: Followed[] = [];
  for (;;) {
    const url = `${pipeline.gateway_url}/v1/map-reduce/${id}/events`;
    seen.push(await followToEnd(url, key, seen.at(-1)?.events.at(-1)?.id));
    const job = await until("it can be looked at", () => reduces.find(id));
    const settled_nusd = jobs.settledOf(
      ledger.records.map((record) => jsonOf(record) as UsageEntry),
      id,
    );
    assert.ok(settled_nusd <= nusd(job.budget_usd), `${settled_nusd} of ${nusd(job.budget_usd)} are spent`);
    if (job.status === "completed") return { job, stops, followed: seen };
    assert.equal(job.status, "failed");
    stops.push(job.error?.code ?? "");
    assert.ok(stops.length < 10, `it stops again and again: ${stops}`);
    if (job.error?.code === "budget_exhausted") await reduces.retry(id, { budget_usd: job.budget_usd * 1.5 });
    else {
      assert.equal(job.error?.code, "shard_failed");
      const shards = await until("its shards can be listed", () => reduces.failed(id));
      assert.deepEqual(
        shards,
        Array.from({ length: DOCUMENTS / BAD_EVERY }, (_, bad) => badDocument(bad * BAD_EVERY)),
      );
      await pipeline.setMock({ fault_rate: 0 });
      await reduces.retry(id, {});
    }
  }
}

async function verifyBatch(
  t: TestContext,
  pipeline: Pipeline,
  topics: jobs.Topics,
  client: OpenAI,
  batch: jobs.Batch,
  seen: Readonly<Record<string, unknown>>,
): Promise<void> {
  assert.deepEqual([batch.status, batch.errors, batch.error_file_id], ["completed", null, null]);
  assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
  const lines = await jobs.outputLines(client, batch.output_file_id);
  const numbers = Array.from({ length: LINES }, (_, line) => line);
  assert.deepEqual(jobs.lineNumbers(lines), numbers, "each line once, in the order of the input");
  for (const [line, { response }] of lines.entries()) {
    assert.equal(response?.body.choices?.[0]?.message.content, `answer to line ${line}`);
  }
  const { results, requests, settled_nusd, ...figures } = await jobs.figuresOf(pipeline, topics, batch.id);
  const { unknown_calls } = await unknownCalls(pipeline, "demo");
  t.diagnostic(`batch: ${JSON.stringify({ lines: LINES, requests, ...figures, unknown_calls, ...seen })}`);
  assert.equal(requests, LINES);
  assert.ok(results.every(({ status }) => status === "succeeded"));
  // Calls in flight at a kill, as the pipeline itself counts them when it makes them again.
  assert.ok(
    figures.calls <= LINES + unknown_calls,
    `${figures.calls} calls, of ${unknown_calls} the answer is unknown`,
  );
  assert.equal(settled_nusd, jobs.costOf(lines), "the ledger, and what the lines cost");
  assert.equal(nusd(batch.sluice.cost_usd), settled_nusd);
  await sameMoney(pipeline, "demo");
}

async function verifyReduce(
  t: TestContext,
  pipeline: Pipeline,
  topics: jobs.Topics,
  { job, stops, followed: seen }: Driven,
): Promise<void> {
  const figures = await jobs.figuresOf(pipeline, topics, job.id);
  const { results, ...counts } = figures;
  const { unknown_calls } = await unknownCalls(pipeline, "other");
  const events = seen.map(followed);
  t.diagnostic(
    `map-reduce: ${JSON.stringify({ ...counts, unknown_calls, stops, budget_usd: job.budget_usd, events })}`,
  );
  t.diagnostic(`map-reduce: ${job.progress.text}, ${job.cost_usd} USD, answer ${JSON.stringify(job.answer)}`);
  assert.ok((job.answer ?? "").length > 0);
  assert.deepEqual(job.documents, {
    total: DOCUMENTS,
    empty: 0,
    shards: DOCUMENTS,
    duplicates: DOCUMENTS / 10,
  });
  assert.deepEqual([job.progress.map.done, job.progress.map.failed], [DOCUMENTS, 0]);
  assert.equal(job.progress.waves.at(-1)?.total, 1);
  assert.ok(stops.includes("budget_exhausted") && stops.includes("shard_failed"), `it stopped for ${stops}`);
  assert.ok(
    figures.settled_nusd <= nusd(job.budget_usd),
    `${figures.settled_nusd} of ${nusd(job.budget_usd)} are spent`,
  );
  const cost = results.reduce((sum, { usage }) => sum + nusd(usage?.cost_usd ?? 0), 0);
  assert.equal(nusd(job.cost_usd), cost, "what its results cost");
  const ids = seen.flatMap(({ events: all }) => all.map(({ id }) => id));
  assert.deepEqual(repeated(ids.filter((id) => !id.startsWith("ended"))), []);
  await sameMoney(pipeline, "other");
}

/** A line is in the output or in the error file, and in none twice; each file is in the order of the input. */
async function verifyCut(t: TestContext, client: OpenAI, batch: jobs.Batch): Promise<void> {
  const output = await jobs.outputLines(client, batch.output_file_id);
  const errors = await jobs.outputLines(client, batch.error_file_id);
  for (const lines of [output, errors].map(jobs.lineNumbers)) {
    assert.deepEqual(
      lines,
      lines.toSorted((one, other) => one - other),
    );
  }
  const all = jobs.lineNumbers([...output, ...errors]).toSorted((one, other) => one - other);
  assert.deepEqual(
    all,
    Array.from({ length: CUT_LINES }, (_, line) => line),
  );
  const codes = Object.fromEntries(
    [...Map.groupBy(errors, ({ error, response }) => error?.code ?? response?.status_code)].map(([code, found]) => [
      code,
      found.length,
    ]),
  );
  t.diagnostic(`${batch.status}: ${JSON.stringify({ output: output.length, errors: errors.length, codes })}`);
  assert.deepEqual(batch.request_counts, { total: CUT_LINES, completed: output.length, failed: errors.length });
  assert.ok(output.length > 0 && errors.length > 0);
  assert.deepEqual(Object.keys(codes), [`batch_${batch.status}`]);
}

/** Checks that events came in order, once each; returns their number and that of breaks. */
function followed({ events, breaks }: Followed): { events: number; breaks: number } {
  assert.deepEqual(
    events.map(({ event }) => event),
    [...events.slice(1).map(() => "progress"), "ended"],
  );
  const done = events.flatMap(({ data }) => doneOf(data));
  assert.deepEqual(
    done,
    done.toSorted((one, other) => one - other),
    "it never goes back",
  );
  assert.deepEqual(repeated(events.map(({ id }) => id)), []);
  return { events: events.length, breaks };
}

type Progress = { readonly request_counts?: { readonly completed: number }; readonly map?: { readonly done: number } };

function doneOf(data: Progress): number[] {
  const done = data.request_counts?.completed ?? data.map?.done;
  return done === undefined ? [] : [done];
}

function repeated(ids: readonly string[]): string[] {
  return ids.filter((id, index) => ids.indexOf(id) !== index);
}

async function sameMoney(pipeline: Pipeline, tenant: string): Promise<void> {
  const counters = await openCounters(pipeline);
  try {
    await countersEqualLedger(pipeline, counters, tenant);
  } finally {
    counters.close();
  }
}

async function unknownCalls({ env, settings }: Pipeline, tenant: string) {
  const redis = connectRedis(env["REDIS_URL"] as string, "jobs-test", silentLog, settings.redis.key_prefix);
  try {
    await redisReady(redis, 5_000);
    return await readLedgerTotals(redis, tenant);
  } finally {
    redis.disconnect();
  }
}

/** The shortest window is a minute: that long ago it is over. */
async function endTime({ env }: Pipeline, id: string): Promise<void> {
  const client = new pg.Client({ connectionString: env["DATABASE_URL"] });
  await client.connect();
  try {
    const over = new Date(Date.now() - MINUTE_MS);
    await client.query("UPDATE sluice_jobs SET deadline_at = $2 WHERE id = $1", [id, over]);
  } finally {
    await client.end();
  }
}
