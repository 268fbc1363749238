/** `sluice replay --mode reuse` on the real parts: killed twice on the way, every record has one Result, and nothing is called or spent. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { TopicReader } from "../../libs/shared/kafka/reader.ts";
import { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import { resultsById } from "../support/pipeline/topic-log.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { until } from "../support/until.ts";

const RECORDS = 240;
const INVALID = 3;
/** A second: slow enough to be killed on the way. */
const RATE = 40;
const TENANT = "demo";

type Shown = {
  readonly id: string;
  readonly status: string;
  readonly topic: string;
  readonly preview: { readonly selected: number; readonly calls: number; readonly by_status: Record<string, number> };
  readonly totals: { readonly passed: number; readonly of: number; readonly by_fate: Record<string, number> };
};

describe("a replay with recorded answers", () => {
  let pipeline: Pipeline;
  let ids: string[];
  let pool: pg.Pool;
  let store: PostgresReplayStore;

  before(async () => {
    pipeline = await startPipeline({ name: "replay-reuse", scale: { replay: 1 } });
    ids = Array.from({ length: RECORDS }, (_, at) => pipeline.id(`r${at}`));
    await pipeline.produce(ids.map((id, at) => ({ key: id, value: request(id, at) })));
    await pipeline.resultsOf(ids, 120_000);
    await pipeline.settled();
    pool = new pg.Pool({ connectionString: pipeline.env["DATABASE_URL"], max: 1 });
    pool.on("error", () => undefined);
    store = new PostgresReplayStore(pool);
  });
  after(async () => {
    await pool?.end();
    await pipeline?.stop();
  });

  function request(id: string, at: number): object {
    const body = at < INVALID ? { messages: "no list" } : { messages: [{ role: "user", content: `what is ${at}?` }] };
    return { tenant: TENANT, id, body };
  }

  function start(...args: string[]): ChildProcess {
    const env = { ...process.env, ...pipeline.env };
    return spawn(process.execPath, [join(ROOT, "cli", "sluice.ts"), "replay", ...args], { env, stdio: "pipe" });
  }

  async function sluice(...args: string[]): Promise<{ code: number | null; out: string; errors: string }> {
    const child = start(...args);
    let out = "";
    let errors = "";
    child.stdout?.on("data", (text) => {
      out += text;
    });
    child.stderr?.on("data", (text) => {
      errors += text;
    });
    const [code] = (await once(child, "close")) as [number | null];
    return { code, out, errors };
  }

  async function json(...args: string[]): Promise<Shown> {
    const { code, out, errors } = await sluice(...args, "--json");
    assert.equal(code, 0, errors);
    return JSON.parse(out) as Shown;
  }

  async function recordsOf(topic: string): Promise<InRecord[]> {
    const records: InRecord[] = [];
    const reader = new TopicReader(pipeline.kafka, {
      ...{ topic, from: { kind: "beginning" }, until_end: true },
      records: (some) => void records.push(...some),
    });
    await reader.start();
    await reader.done;
    await reader.stop();
    return records;
  }

  async function ends(topic: string): Promise<number> {
    const admin = pipeline.kafka.admin();
    await admin.connect();
    try {
      const partitions = await admin.fetchTopicOffsets(topic);
      return partitions.reduce((sum, { high }) => sum + Number(high), 0);
    } finally {
      await admin.disconnect();
    }
  }

  function exactlyOne(records: readonly InRecord[]): Map<string, Result[]> {
    const results = resultsById(records);
    for (const id of ids) assert.equal(results.get(id)?.length, 1, id);
    assert.equal(results.size, ids.length);
    return results;
  }

  test("killed twice, each record has one Result; no call is made and nothing is spent", async () => {
    const calls = (await pipeline.mockStats()).calls;
    const spent = await ends(pipeline.names.usage);
    const asked = await json("--since", "1h", "--rate", String(RATE));
    assert.equal(asked.status, "previewed");
    assert.deepEqual([asked.preview.selected, asked.preview.calls], [RECORDS, 0]);
    assert.equal(asked.preview.by_status["rejected"], INVALID);

    for (let kill = 1; kill <= 2; kill++) {
      const child = start("resume", asked.id, "--json");
      const passed = (await store.find(asked.id))?.totals.passed ?? 0;
      await until("some of it is done", async () => {
        assert.equal(child.exitCode, null);
        return ((await store.find(asked.id))?.totals.passed ?? 0) > passed;
      });
      const closed = once(child, "close");
      child.kill("SIGKILL");
      await closed;
      assert.equal((await store.find(asked.id))?.status, "running");
    }
    const done = await json("resume", asked.id);
    assert.equal(done.status, "completed");
    assert.deepEqual(done.totals.by_fate, { reused: RECORDS - INVALID, refused: INVALID });
    assert.equal(done.totals.passed, done.totals.of);

    const results = exactlyOne(await recordsOf(done.topic));
    const originals = await pipeline.resultsOf(ids);
    for (const id of ids) {
      const [replayed, original] = [results.get(id)?.[0], originals.get(id)?.[0]];
      const { replay, ...rest } = replayed as Result;
      assert.deepEqual(replay, { id: asked.id, mode: "reuse" });
      assert.deepEqual(rest, original, "as results made it");
    }
    assert.equal((await pipeline.mockStats()).calls, calls);
    assert.equal(await ends(pipeline.names.usage), spent);
  });

  test("the service runs what is left to it", async () => {
    const asked = await json("--tenant", TENANT, "--yes", "--detach");
    let shown = asked;
    await until("the service has run it", async () => {
      shown = await json("show", asked.id);
      return shown.status === "completed";
    });
    exactlyOne(await recordsOf(shown.topic));
    const { out } = await sluice("ls");
    assert.match(out, new RegExp(`${asked.id} .*completed`));
  });
});
