/** What-if on the real parts: the settings in force predict what has happened, others predict otherwise, and nothing is called. */
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
import type { Replay } from "../../libs/shared/replay/replay.ts";
import { runDeps } from "../../services/replay/open.ts";
import { type OpenParts, openParts } from "../../services/replay/parts.ts";
import { runReplay } from "../../services/replay/run.ts";
import type { WhatIfReport } from "../../services/replay/what-if/report.ts";
import { resultsById, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const TEXTS = 12;
const WAVES = 4;
const OWNER = "the-test";

describe("a what-if replay", () => {
  let pipeline: Pipeline;
  let parts: OpenParts;
  let store: PostgresReplayStore;
  let ids: string[];
  let originals: ReadonlyMap<string, readonly Result[]>;
  let yaml: string;

  before(async () => {
    pipeline = await startPipeline({
      name: "replay-what-if",
      settings: {
        replay: { chunk: 8 },
        cache: { exact: { enabled: true }, coalesce: { enabled: true }, semantic: { enabled: false } },
        routing: { escalation: { enabled: false } },
      },
      scale: { gateway: 0 },
    });
    const { env, settings, names, kafka, codec } = pipeline;
    const environment = readEnvironment(env);
    parts = openParts({ instance: OWNER, environment, variables: env, settings, names, kafka, codec, log: silentLog });
    store = new PostgresReplayStore(parts.pool);
    yaml = readFileSync(env["SLUICE_SETTINGS"] ?? "", "utf8");
    ids = [];
    for (let wave = 0; wave < WAVES; wave += 1) {
      const of_wave = Array.from({ length: TEXTS }, (_, at) => pipeline.id(`r${wave}-${at}`));
      await pipeline.produce(of_wave.map((id, at) => ({ key: id, value: requestOf(id, at) })));
      await pipeline.resultsOf(of_wave);
      ids.push(...of_wave);
    }
    const refused = pipeline.id("refused");
    await pipeline.produce([{ key: refused, value: { id: refused, tenant: "demo", tier: "none", body: chat("no") } }]);
    ids.push(refused);
    originals = await pipeline.resultsOf(ids);
    await pipeline.settled();
    assert.ok(ids.some((id) => only(originals, id).route?.cache === "exact"));
  });
  after(async () => {
    await parts?.close();
    await pipeline?.stop();
  });

  const requestOf = (id: string, at: number): object => ({
    ...{ id, tenant: "demo", body: chat(`${"please explain ".repeat(at)}question ${at}`) },
    ...(at === 3 ? { cache: { mode: "bypass" } } : {}),
  });

  async function drive(id: string): Promise<Replay> {
    const now_ms = Date.now();
    const leased = await store.lease(OWNER, now_ms, now_ms + 10_000, id);
    assert.ok(leased !== undefined);
    await runReplay(runDeps(parts, { store, left_as: "paused" }), leased, OWNER, new AbortController().signal);
    return (await store.find(id)) as Replay;
  }

  async function whatIf(settings: string): Promise<{ results: Map<string, Result[]>; report: WhatIfReport }> {
    const selection = { topic: pipeline.names.requests };
    const spec = { mode: "what-if", selection, settings: { name: "tried.yaml", yaml: settings } } as const;
    const id = replayId(Date.now(), randomBytes(6));
    await store.create({ id, spec, runner: "cli", by: OWNER, created_ms: Date.now() });
    await drive(id);
    assert.ok(await store.ask(id, "cli", undefined, Date.now()));
    const { status, comparison, error } = await drive(id);
    assert.equal(status, "completed", JSON.stringify(error));
    const log = new TopicLog(pipeline.kafka, pipeline.names.replay(id));
    await log.start();
    try {
      await log.until(
        () => resultsById(log.records).size >= ids.length,
        () => "the replay's Results",
      );
      const { what_if } = comparison as { readonly what_if: WhatIfReport };
      return { results: resultsById(log.records), report: what_if };
    } finally {
      await log.stop();
    }
  }

  test("predicts what has happened, of the settings in force", async () => {
    const before_calls = (await pipeline.mockStats()).calls;
    const { results, report } = await whatIf(yaml);
    assert.equal((await pipeline.mockStats()).calls, before_calls);
    for (const id of ids) {
      const [result, original] = [only(results, id), only(originals, id)];
      assert.equal(result.status, original.status);
      assert.equal(result.error?.code, original.error?.code);
      assert.equal(result.route?.tier, original.route?.tier);
      assert.equal(result.route?.model, original.route?.model);
      assert.equal(result.route?.cache, original.route?.cache, id);
      assert.equal(result.usage?.cost_usd, original.usage?.cost_usd);
      assert.deepEqual(result.response, original.response);
      assert.equal(result.replay?.mode, "what-if");
    }
    const recorded_nusd = ids.reduce((sum, id) => sum + nusd(only(originals, id).usage?.cost_usd ?? 0), 0);
    assert.equal(report.before.cost_nusd, recorded_nusd);
    assert.equal(report.after.cost_nusd, recorded_nusd);
    assert.deepEqual(report.moves, { tier: {}, cache: {}, status: {} });
    assert.equal(report.estimated.requests, 0);
  });

  test("predicts another cache and another tier", async () => {
    const tiers = Object.keys(pipeline.settings.tiers).filter((name) => pipeline.settings.tiers[name]?.kind === "chat");
    const other = tiers.find((name) => name !== pipeline.settings.routing.default_tier) ?? "";
    const tried = {
      ...pipeline.settings,
      routing: { ...pipeline.settings.routing, default_tier: other, complexity: { method: "none" } },
      cache: { ...pipeline.settings.cache, exact: { ...pipeline.settings.cache.exact, enabled: false } },
    };
    const { results, report } = await whatIf(JSON.stringify(tried));
    assert.deepEqual(report.after.hits, { exact: 0, semantic: 0, coalesced: 0 });
    assert.deepEqual(Object.keys(report.after.by_tier), [other]);
    assert.equal(report.after.by_tier[other]?.requests, ids.length - 1);
    for (const id of ids.slice(0, -1)) assert.deepEqual(only(results, id).response, only(originals, id).response);
  });
});
