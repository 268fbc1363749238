/** A what-if beside what then happens: the same requests, run with the settings that were tried, cost what was predicted. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { WhatIfReport } from "../../services/replay/what-if/report.ts";
import type { SettingsChanges } from "../support/pipeline/settings.ts";
import { type Pipeline, ROOT, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";

const WAVES = process.env["SLUICE_TEST_SIZE"] === "full" ? 40 : 4;
const TEXTS = 12;
/** Of the cost. */
const OFF_MAX = 0.05;

const EXACT: SettingsChanges = { exact: { enabled: true }, coalesce: { enabled: true }, semantic: { enabled: false } };
const RECORDED: SettingsChanges = { cache: EXACT, routing: { default_tier: "large" } };
const TRIED: SettingsChanges = { cache: { ...EXACT, exact: { enabled: false } }, routing: { default_tier: "small" } };

describe("a prediction", () => {
  const started = new Set<Pipeline>();
  after(async () => {
    await Promise.all([...started].map((pipeline) => pipeline.stop()));
  });

  async function pipelineWith(name: string, settings: SettingsChanges): Promise<Pipeline> {
    const pipeline = await startPipeline({ name, settings, scale: { gateway: 0 } });
    started.add(pipeline);
    return pipeline;
  }

  /** Each wave asks for the same texts; the next one comes when it is answered. */
  async function ask(pipeline: Pipeline): Promise<Result[]> {
    const ids: string[] = [];
    for (let wave = 0; wave < WAVES; wave += 1) {
      const some = Array.from({ length: TEXTS }, (_, at) => pipeline.id(`w${wave}-${at}`));
      const body = (at: number): object => chat(`question ${at}, ${"please ".repeat(at)}`);
      await pipeline.produce(some.map((id, at) => ({ key: id, value: { id, tenant: "demo", body: body(at) } })));
      await pipeline.resultsOf(some);
      ids.push(...some);
    }
    await pipeline.settled();
    const results = await pipeline.resultsOf(ids);
    return ids.map((id) => only(results, id));
  }

  async function predicted(pipeline: Pipeline): Promise<WhatIfReport> {
    const { settings, env } = pipeline;
    const file = `${env["SLUICE_SETTINGS"]}.tried.yaml`;
    const { cache, routing } = TRIED as { cache: object; routing: object };
    const tried = { ...settings, cache: { ...settings.cache, ...cache }, routing: { ...settings.routing, ...routing } };
    writeFileSync(file, JSON.stringify(tried));
    const args = ["replay", "--mode", "what-if", "--settings", file, "--yes", "--json"];
    const child = spawn(process.execPath, [join(ROOT, "cli", "sluice.ts"), ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let out = "";
    child.stdout?.on("data", (text) => {
      out += text;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 0);
    return (JSON.parse(out) as { comparison: { what_if: WhatIfReport } }).comparison.what_if;
  }

  test("of another tier and no cache comes true", async () => {
    const recording = await pipelineWith("replay-predicted", RECORDED);
    const recorded = await ask(recording);
    assert.ok(recorded.some(({ route }) => route?.cache === "exact"));
    const { after: expected } = await predicted(recording);
    started.delete(recording);
    await recording.stop();
    const seen = await ask(await pipelineWith("replay-predicted-true", TRIED));

    const cost_nusd = seen.reduce((sum, { usage }) => sum + (usage?.cost_usd ?? 0), 0) * 1e9;
    assert.ok(Math.abs(expected.cost_nusd / cost_nusd - 1) <= OFF_MAX, `${expected.cost_nusd} and then ${cost_nusd}`);
    const called = seen.filter(({ route }) => route?.cache === "miss" || route?.cache === "bypass");
    assert.deepEqual([called.length, expected.hits], [seen.length, { exact: 0, semantic: 0, coalesced: 0 }]);
    assert.deepEqual(Object.keys(expected.by_tier), ["small"]);
    assert.equal(expected.by_tier["small"]?.requests, called.length);
    for (const { route } of called) assert.equal(route?.tier, "small");
  });
});
