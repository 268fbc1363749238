/**
 * `sluice replay --stage` on the real parts. Results that an earlier version wrote wrongly are made anew from the outcomes: each row and
 * view is corrected and each Result is once on the replay's topic, while nothing new is published, charged or told, though the command is
 * killed on the way. Requests that ingest or the router once lost end when their stage is run again, and others are left alone.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import type { Result } from "../../libs/shared/events/flow.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { connectRedis } from "../../libs/shared/redis/client.ts";
import { RedisJobViews } from "../../libs/shared/redis/job-views.ts";
import { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { chat } from "../support/requests.ts";
import { until } from "../support/until.ts";

const COUNT = process.env["SLUICE_TEST_SIZE"] === "full" ? 1_000 : 60;
const SOME = 5;
/** So many that every partition has some. */
const OTHERS = 16;
/** So that a run takes some seconds, and can be killed on the way. */
const RATE = Math.ceil(COUNT / 4);
const WRONG = { status: "failed", error: { code: "internal_error", type: "server_error", message: "a bug" } };

type Shown = {
  readonly id: string;
  readonly status: string;
  readonly topic: string;
  readonly preview: { readonly selected: number };
  readonly totals: { readonly passed: number; readonly of: number; readonly by_fate: Record<string, number> };
};

describe("a stage that is sent again", () => {
  let pipeline: Pipeline;
  let pool: pg.Pool;
  let store: PostgresReplayStore;
  let hook: Server;
  let called = 0;
  before(async () => {
    hook = createServer((request, response) => {
      called += 1;
      request.resume();
      response.end();
    });
    await new Promise<void>((resolve) => hook.listen(0, "127.0.0.1", resolve));
    const settings = {
      ...{ topics: { partitions: 2 }, replay: { lease_ms: 2_000, chunk: 10 } },
      webhooks: { allow_http: true, allow_networks: ["127.0.0.0/8"] },
    };
    pipeline = await startPipeline({ name: "stage-results", settings });
    pool = new pg.Pool({ connectionString: pipeline.env["DATABASE_URL"], max: 1 });
    pool.on("error", () => undefined);
    store = new PostgresReplayStore(pool);
  });
  after(async () => {
    await pool?.end();
    await pipeline?.stop();
    hook?.close();
  });

  function start(...args: string[]): ChildProcess {
    const env = { ...process.env, ...pipeline.env };
    return spawn(process.execPath, [join(ROOT, "cli", "sluice.ts"), "replay", ...args, "--json"], {
      env,
      stdio: "pipe",
    });
  }

  async function shown(...args: string[]): Promise<Shown> {
    const child = start(...args);
    const texts = { out: "", errors: "" };
    child.stdout?.on("data", (text) => {
      texts.out += text;
    });
    child.stderr?.on("data", (text) => {
      texts.errors += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    assert.equal(code, 0, texts.errors);
    assert.match(texts.out, /^\{.*\}\n$/);
    return JSON.parse(texts.out) as Shown;
  }

  /** Runs it to its end, with a SIGKILL as soon as some of it is done. */
  async function killedOnTheWay(...args: string[]): Promise<Shown> {
    const child = start(...args);
    let id = "";
    await until("some of it is done", async () => {
      assert.equal(child.exitCode, null);
      const [last] = await store.list({ limit: 1 });
      id = last?.id ?? "";
      return last?.status === "running" && last.totals.passed > 0;
    });
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
    const left = await store.find(id);
    assert.equal(left?.status, "running");
    assert.ok((left?.totals.passed ?? 0) < COUNT);
    return shown("resume", id);
  }

  const ask = (id: string, more: object = {}) => ({ tenant: "demo", id, body: chat(id, { max_tokens: 5 }), ...more });
  const idsOf = (name: string, count: number): string[] =>
    Array.from({ length: count }, (_, at) => pipeline.id(`${name}-${at}`));
  const recordsOf = (topic: string) => TopicLog.readAll(pipeline.kafka, topic);

  async function viewOf(id: string): Promise<{ status: string; result?: Result }> {
    const headers = { authorization: `Bearer ${pipeline.api_key}` };
    return (await (await fetch(`${pipeline.gateway_url}/v1/requests/${id}`, { headers })).json()) as never;
  }

  test("of results corrects what is wrong, once, and does nothing else", async () => {
    const { names } = pipeline;
    const ids = idsOf("wrong", COUNT);
    const url = `http://127.0.0.1:${(hook.address() as AddressInfo).port}/`;
    await pipeline.produce(ids.map((id, at) => ({ value: ask(id, at === 0 ? { callback: { url } } : {}) })));
    const first = await pipeline.resultsOf(ids, 240_000);
    await pipeline.settled();
    await until("the webhook is told", async () => called > 0);
    const text = "SELECT id, status, tier, cost_nusd, result FROM sluice_results WHERE id = ANY($1) ORDER BY id";
    const rows = async () => (await pool.query(text, [ids])).rows;
    const usage_of = async () =>
      (await recordsOf(names.usage)).filter((record) => ids.includes((jsonOf(record) as Result).id)).length;
    const right = await rows();
    const right_view = await viewOf(ids[1] as string);
    const [usage, called_before] = [await usage_of(), called];
    await corrupt(ids);
    assert.notDeepEqual(await viewOf(ids[1] as string), right_view);

    const done = await killedOnTheWay("--stage", "results", "--since", "1h", "--rate", String(RATE), "--yes");
    assert.equal(done.status, "completed");
    assert.deepEqual(done.totals.by_fate, { sent: COUNT });
    await corrections(done, ids, first);
    assert.deepEqual(await rows(), right);
    const by = "SELECT DISTINCT corrected_by AS by FROM sluice_results WHERE id = ANY($1)";
    assert.deepEqual((await pool.query(by, [ids])).rows, [{ by: done.id }]);
    const view = await viewOf(ids[1] as string);
    assert.deepEqual({ ...view, updated_ms: 0 }, { ...right_view, updated_ms: 0 });

    const again = await completed("--stage", "results", "--since", "1h");
    await passedBy("again");
    assert.deepEqual(await rows(), right);
    for (const id of ids) assert.equal((await pipeline.resultsOf([id])).get(id)?.length, 1);
    assert.ok(!pipeline.results.records.some((record) => (jsonOf(record) as Result).replay !== undefined));
    assert.equal(again.totals.by_fate["sent"], again.preview.selected);
    assert.equal(await usage_of(), usage);
    assert.equal((await pipeline.mockStats()).calls, COUNT + 2 * OTHERS);
    assert.equal(called, called_before);
  });

  /** What a version with a bug would have written: rows, and views. */
  async function corrupt(ids: readonly string[]): Promise<void> {
    await pool.query(
      "UPDATE sluice_results SET status = 'failed', tier = 'wrong', cost_nusd = 7, result = $1 || id || $2",
      ['{"id":"', `","tenant":"demo",${JSON.stringify(WRONG).slice(1)}`],
    );
    const redis = connectRedis(pipeline.env["REDIS_URL"] ?? "", "test", silentLog, pipeline.settings.redis.key_prefix);
    try {
      await until("Redis is there", async () => redis.status === "ready");
      const wrong = ids.map((id) => ({
        ...({ tenant: "demo", id, status: "failed", reply_to: undefined } as const),
        result: Buffer.from(JSON.stringify({ id, tenant: "demo", ...WRONG })),
      }));
      await new RedisJobViews(redis, 3_600_000).finish(wrong, Date.now());
    } finally {
      redis.disconnect();
    }
  }

  /** Others that stand behind all that the stage has sent: once they have ended, so has it. */
  async function passedBy(name: string): Promise<void> {
    const others = idsOf(`other-${name}`, OTHERS);
    await pipeline.produce(others.map((id) => ({ key: id, value: ask(id) })));
    await pipeline.resultsOf(others);
    await pipeline.settled();
  }

  async function corrections(replay: Shown, ids: readonly string[], first: ReadonlyMap<string, Result[]>) {
    const log = new TopicLog(pipeline.kafka, replay.topic);
    await log.start();
    await log.until(
      () => log.records.length >= ids.length,
      () => `${ids.length - log.records.length} of ${ids.length} corrections`,
    );
    await passedBy("first");
    await log.stop();
    const made = log.records.map((record) => jsonOf(record) as Result);
    assert.deepEqual(made.map(({ id }) => id).sort(), [...ids].sort());
    for (const { replay: mark, ...same } of made) {
      assert.deepEqual(mark, { id: replay.id, mode: "stage" });
      assert.deepEqual(same, first.get(same.id)?.[0]);
    }
  }

  /** Requests whose records on the topic a service has passed over, as one that loses what it read. */
  async function lostBy(service: "ingest" | "router", topic: string, ids: readonly string[]): Promise<void> {
    const { processes, kafka, settings } = pipeline;
    await processes.stop(service);
    const before = (await recordsOf(topic)).length;
    await pipeline.produce(ids.map((id) => ({ value: ask(id) })));
    await until("the records are there", async () => (await recordsOf(topic)).length >= before + ids.length);
    const admin = kafka.admin();
    await admin.connect();
    try {
      const ends = await admin.fetchTopicOffsets(topic);
      const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
      await admin.setOffsets({ groupId: `${settings.consumption.group_prefix}${service}`, topic, partitions });
    } finally {
      await admin.disconnect();
    }
    await processes.start(service);
    await pipeline.settled();
  }

  for (const service of ["ingest", "router"] as const) {
    test(`of ${service} ends requests that never ended, once, and sends no other`, async () => {
      const { names } = pipeline;
      const topic = service === "ingest" ? names.requests : names.admitted;
      const lost = idsOf(service, SOME);
      await lostBy(service, topic, lost);
      const [results_before, calls_before] = [pipeline.results.records.length, (await pipeline.mockStats()).calls];
      const done = await completed("--stage", service, "--since", "1h");
      assert.equal(done.totals.by_fate["sent"], SOME);
      assert.equal(done.totals.by_fate["ended"], done.preview.selected - SOME);
      const ended = await pipeline.resultsOf(lost);
      await pipeline.settled();
      const again = await completed("--stage", service, "--since", "1h");
      assert.equal(again.totals.by_fate["sent"], undefined);
      await pipeline.settled();
      for (const id of lost)
        assert.deepEqual(
          ended.get(id)?.map(({ status }) => status),
          ["succeeded"],
          id,
        );
      assert.equal(pipeline.results.records.length, results_before + SOME);
      assert.equal((await pipeline.mockStats()).calls, calls_before + SOME);
    });
  }

  async function completed(...args: string[]): Promise<Shown> {
    const done = await shown(...args, "--yes");
    assert.equal(done.status, "completed");
    return done;
  }
});
