/** A replay that calls models, on the real parts: its budget holds, going on pays for nothing twice, and nobody is charged. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { readEnvironment } from "../../libs/shared/config/environment.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import { silentLog } from "../../libs/shared/log.ts";
import { nusd } from "../../libs/shared/money.ts";
import { replayId } from "../../libs/shared/replay/id.ts";
import { PostgresReplayStore } from "../../libs/shared/replay/postgres-store.ts";
import type { Replay, ReplaySpec } from "../../libs/shared/replay/replay.ts";
import { runDeps } from "../../services/replay/open.ts";
import { type OpenParts, openParts } from "../../services/replay/parts.ts";
import { runReplay } from "../../services/replay/run.ts";
import { resultsById, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const REQUESTS = 60;
const OWNER = "the-test";

describe("a replay that calls", () => {
  let pipeline: Pipeline;
  let parts: OpenParts;
  let store: PostgresReplayStore;
  let ids: readonly string[];

  before(async () => {
    pipeline = await startPipeline({
      name: "replay-calls",
      settings: { replay: { chunk: 8, calls_in_flight_max: 4 } },
    });
    const { env, settings, names, kafka, codec } = pipeline;
    const environment = readEnvironment(env);
    parts = openParts({ instance: OWNER, environment, variables: env, settings, names, kafka, codec, log: silentLog });
    store = new PostgresReplayStore(parts.pool);
    ids = Array.from({ length: REQUESTS }, (_, at) => pipeline.id(`r${at}`));
    const tier = Object.keys(settings.tiers)[0];
    await pipeline.produce(
      ids.map((id, at) => ({
        key: id,
        value: {
          id,
          tenant: "demo",
          tier,
          cache: { mode: "bypass" },
          body: chat(`question ${at}`, { max_tokens: 12 }),
        },
      })),
    );
    const results = await pipeline.resultsOf(ids);
    for (const id of ids) assert.equal(only(results, id).status, "succeeded");
    await pipeline.settled();
  });
  after(async () => {
    await parts?.close();
    await pipeline?.stop();
  });

  async function drive(id: string): Promise<Replay> {
    const now_ms = Date.now();
    const leased = await store.lease(OWNER, now_ms, now_ms + 10_000, id);
    assert.ok(leased !== undefined);
    await runReplay(runDeps(parts, { store, left_as: "paused" }), leased, OWNER, new AbortController().signal);
    return (await store.find(id)) as Replay;
  }

  async function previewed(mode: ReplaySpec["mode"], more: Partial<ReplaySpec> = {}): Promise<Replay> {
    const spec: ReplaySpec = { mode, selection: { topic: pipeline.names.requests }, ...more };
    const id = replayId(Date.now(), randomBytes(6));
    await store.create({ id, spec, runner: "cli", by: OWNER, created_ms: Date.now() });
    return drive(id);
  }

  async function goOn({ id }: Replay, budget_nusd: number): Promise<Replay> {
    assert.ok(await store.ask(id, "cli", budget_nusd, Date.now()));
    return drive(id);
  }

  async function written({ id }: Replay): Promise<Map<string, Result[]>> {
    const log = new TopicLog(pipeline.kafka, pipeline.names.replay(id));
    await log.start();
    try {
      await log.until(
        () => resultsById(log.records).size >= REQUESTS,
        () => "the replay's Results",
      );
      return resultsById(log.records);
    } finally {
      await log.stop();
    }
  }

  const spent = async ({ id }: Replay): Promise<{ nusd: number; open: number }> => {
    const text = `SELECT coalesce(sum(cost_nusd), 0)::float8 AS nusd, (count(*) FILTER (WHERE cost_nusd IS NULL))::int AS open
      FROM sluice_replay_calls WHERE replay = $1`;
    return (await parts.pool.query<{ nusd: number; open: number }>(text, [id])).rows[0] as {
      nusd: number;
      open: number;
    };
  };

  const usageEntries = async (): Promise<number> => {
    const admin = pipeline.kafka.admin();
    await admin.connect();
    try {
      const partitions = await admin.fetchTopicOffsets(pipeline.names.usage);
      return partitions.reduce((sum, { high }) => sum + Number(high), 0);
    } finally {
      await admin.disconnect();
    }
  };

  test("stops where its budget is used, within a record of it, and goes on with a higher one", async () => {
    const usage_before = await usageEntries();
    const { calls: calls_before } = await pipeline.mockStats();
    const preview = await previewed("recompute");
    assert.deepEqual([preview.status, preview.preview?.selected], ["previewed", REQUESTS]);
    const most_nusd = Math.ceil((preview.preview?.most_nusd ?? 0) / REQUESTS) * 2;
    const budget_nusd = Math.round((preview.preview?.recorded_nusd ?? 0) / 2) + most_nusd;

    const half = await goOn(preview, budget_nusd);
    assert.deepEqual([half.status, half.error?.code], ["paused", "replay_budget_used"]);
    const so_far = await spent(half);
    assert.ok(so_far.nusd <= budget_nusd && budget_nusd - so_far.nusd <= most_nusd, `${so_far.nusd} of ${budget_nusd}`);
    assert.equal(so_far.open, 0);
    assert.ok(
      half.totals.selected < REQUESTS && half.totals.selected > REQUESTS / 4,
      `${half.totals.selected} are done`,
    );

    const whole_budget_nusd = preview.preview?.most_nusd ?? 0;
    const whole = await goOn(half, 2 * whole_budget_nusd);
    assert.deepEqual([whole.status, whole.totals.calls], ["completed", REQUESTS]);
    const { calls } = await pipeline.mockStats();
    assert.equal(calls - calls_before, REQUESTS, "one call a record");

    const results = await written(whole);
    let cost_nusd = 0;
    for (const id of ids) {
      const { status, replay, route, usage } = only(results, id);
      assert.deepEqual([status, replay?.mode, route?.cache], ["succeeded", "recompute", "bypass"]);
      cost_nusd += nusd(usage?.cost_usd ?? 0);
    }
    const all = await spent(whole);
    assert.deepEqual([all.nusd, all.open, whole.totals.cost_nusd], [cost_nusd, 0, cost_nusd]);
    await pipeline.settled();
    assert.equal(await usageEntries(), usage_before, "nobody is charged");
  });

  test("calls another tier, or by another settings file, and charges where it is told to", async () => {
    const { names, settings, env } = pipeline;
    const selection = { topic: names.requests, ids: ids.slice(0, 3) };
    const [, other] = Object.entries(settings.tiers).filter(([, { kind }]) => kind === "chat");
    assert.ok(other !== undefined);
    const usage_before = await usageEntries();
    const named = await goOn(await previewed("shadow", { tier: other[0], charge: true, selection }), 1e9);
    assert.deepEqual([named.status, named.totals.calls], ["completed", 3]);
    assert.ok((await usageEntries()) >= usage_before + 3);
    const yaml = readFileSync(env["SLUICE_SETTINGS"] ?? "", "utf8");
    const tried = await goOn(await previewed("shadow", { settings: { name: "new.yaml", yaml }, selection }), 1e9);
    assert.deepEqual([tried.status, tried.totals.calls], ["completed", 3]);
  });
});
