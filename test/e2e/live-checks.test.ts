/** Answers by meaning are asked for real in the background: those that were wrong end them for the tenant, and can be reported. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { InvalidateEvent } from "../../libs/shared/events/control.ts";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { ShadowEvent } from "../../libs/shared/events/shadow.ts";
import { type Calibration, calibrationSchema } from "../../libs/shared/semantic/calibration.ts";
import { FEATURES } from "../../libs/shared/semantic/features.ts";
import { countRarity } from "../../libs/shared/semantic/rarity.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { only } from "../support/requests.ts";
import { until } from "../support/until.ts";

/** Thinks every pair right that the guard lets through, so that answers by meaning are often wrong. */
function gullible(): Calibration {
  const thresholds = [{ max_error: 0.02, probability: 0.1, weighed: false, hits: 100, wrong: 0 }];
  return calibrationSchema.parse({
    ...{ version: 1, embedding_model: "all-minilm-l6-v2-q", trees_of: "default", pairs: 1, confidence: 0.95 },
    ...{ features: [...FEATURES], curve: { slope: 1, shift: 0 }, thresholds, rarity: countRarity([new Set(["a"])]) },
    forest: {
      base: 3,
      edges: FEATURES.map(() => []),
      trees: [{ feature: [], edge: [], left: [], right: [], leaf: [0] }],
    },
  });
}

const body = (content: string) => ({ messages: [{ role: "user", content }] });
const ASKED = body("How do I reset my password?");
/** The model would answer it otherwise. */
const ALIKE = body("How can I reset my password?");

describe("answers by meaning", () => {
  const dir = mkdtempSync(join(tmpdir(), "sluice-live-checks-"));
  let pipeline: Pipeline;
  let shadows: TopicLog;
  before(async () => {
    const calibration_file = join(dir, "calibration.json");
    writeFileSync(calibration_file, JSON.stringify(gullible()));
    const checks = { sample_ratio: 1, checks_min: 3, similarity_min: 0.99 };
    const settings = { cache: { semantic: { enabled: true, calibration_file, checks } } };
    pipeline = await startPipeline({ name: "live-checks", settings });
    shadows = new TopicLog(pipeline.kafka, pipeline.names.shadow);
    await shadows.start();
  });
  after(async () => {
    await shadows?.stop();
    await pipeline?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  let asked = 0;
  async function ask(of: object, tenant: string, more: object = { cache: { mode: "only" } }): Promise<Result> {
    asked += 1;
    const id = pipeline.id(`ask-${asked}`);
    await pipeline.produce([{ key: id, value: { tenant, id, body: of, ...more } }]);
    return only(await pipeline.resultsOf([id]), id);
  }
  const hit = (tenant: string): Promise<Result> =>
    until("an answer by meaning", async () => {
      const result = await ask(ALIKE, tenant);
      return result.status === "succeeded" ? result : undefined;
    });

  test("that are wrong are found out, and end for the tenant whose they are", async () => {
    await ask(ASKED, "demo", {});
    await ask(ASKED, "other", {});
    const first = await hit("demo");
    assert.equal(first.route?.cache, "semantic");
    const comparison = await until("its check", () =>
      shadows.records
        .map((record) => jsonOf(record) as ShadowEvent)
        .find((event) => event.kind === "comparison" && event.shadow.id === first.id),
    );
    assert.ok(comparison.kind === "comparison");
    assert.deepEqual([comparison.same, comparison.shadow.kind], [false, "cache_check"]);
    assert.equal(comparison.shadow.entry_id, first.route?.cache_entry);
    assert.ok((comparison.shadow.probability ?? 0) > 0.9);
    // Each further hit is one more that is found wrong, until there are none.
    await until("no more answers by meaning", async () => (await ask(ALIKE, "demo")).error?.code === "cache_miss");
    assert.equal((await hit("other")).route?.cache, "semantic");
    assert.ok(!pipeline.results.records.some((record) => (jsonOf(record) as Result).tenant.startsWith("sluice.")));
  });

  test("that are reported lose their entry", async () => {
    const [wrong] = pipeline.results.records
      .map((record) => jsonOf(record) as Result)
      .filter(({ tenant, route }) => tenant === "demo" && route?.cache === "semantic");
    const reply = await fetch(`${pipeline.gateway_url}/v1/requests/${wrong?.id}/report`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      body: JSON.stringify({ wrong_cache_hit: true }),
    });
    const told = (await reply.json()) as { cache_entry: string; threshold_learns: boolean };
    const entry_id = wrong?.route?.cache_entry;
    assert.deepEqual([reply.status, told.cache_entry, told.threshold_learns], [202, entry_id, true]);
    const control = await TopicLog.readAll(pipeline.kafka, pipeline.names.control);
    const events = control.map((record) => jsonOf(record) as InvalidateEvent);
    assert.deepEqual(
      events.map(({ kind, selector }) => [kind, selector]),
      [["invalidate", { tenant: "demo", entry_id }]],
    );
  });
});
