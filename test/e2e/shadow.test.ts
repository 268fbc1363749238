/** Rollouts and shadows on the real parts: another tier asked in the background by its own money, and models that are taken or taken back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Result } from "../../libs/shared/events/flow.ts";
import type { ShadowEvent } from "../../libs/shared/events/shadow.ts";
import { readEntries, sluice } from "../support/budgets.ts";
import { jsonOf, TopicLog } from "../support/pipeline/topic-log.ts";
import { type Pipeline, startPipeline } from "../support/pipeline.ts";
import { chat, only } from "../support/requests.ts";
import { until } from "../support/until.ts";

const MODELS = ["gpt-4.1-mini", "gpt-4.1-nano", "gpt-4.1-dear"];
const PRICES = {
  "gpt-4.1-nano": { input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.4 },
  "gpt-4.1-dear": { input_usd_per_mtok: 400, output_usd_per_mtok: 1_600 },
};
const SETTINGS = {
  prices: { models: PRICES },
  tiers: { small: { models: MODELS } },
  tenants: { watched: { plan: "default" }, poor: { plan: "default" } },
  routing: {
    // Latencies of a busy machine say nothing of a model.
    rollout: {
      stages: [50, 100],
      stage_minutes: 0.01,
      results_min: 12,
      check_interval_ms: 200,
      latency_factor_max: 1_000,
    },
    shadows: {
      try: { to: "large", share: 1, budget_day_usd: 1, tenants: ["watched"] },
      penniless: { to: "large", share: 1, budget_day_usd: 0, tenants: ["poor"] },
    },
  },
};
const BATCH = 30;

type Shown = { readonly status: string; readonly percent: number; readonly why?: string };

describe("what is tried beside what is there", () => {
  let pipeline: Pipeline;
  let shadows: TopicLog;
  before(async () => {
    pipeline = await startPipeline({ name: "shadow", settings: SETTINGS, scale: { router: 2 } });
    shadows = new TopicLog(pipeline.kafka, pipeline.names.shadow);
    await shadows.start();
  });
  after(async () => {
    await shadows?.stop();
    await pipeline?.stop();
  });

  async function ask(ids: readonly string[], tenant: string): Promise<Result[]> {
    await pipeline.produce(ids.map((id) => ({ key: id, value: { tenant, id, body: chat(id) } })));
    const results = await pipeline.resultsOf(ids);
    return ids.map((id) => only(results, id));
  }

  const told = (id: string): ShadowEvent[] =>
    shadows.records.map((record) => jsonOf(record) as ShadowEvent).filter(({ shadow }) => shadow.id === id);
  const seen = async (id: string, kind: ShadowEvent["kind"]): Promise<ShadowEvent> => {
    await shadows.until(
      () => told(id).some((event) => event.kind === kind),
      () => `${kind} of ${id}`,
    );
    return told(id).find((event) => event.kind === kind) as ShadowEvent;
  };

  test("a shadow is run of the other tier, paid from its own budget, compared, and no Result", async () => {
    const id = pipeline.id("shadowed");
    const [result] = await ask([id], "watched");
    const comparison = await seen(id, "comparison");
    assert.equal(comparison.kind, "comparison");
    assert.deepEqual(
      [comparison.shadow.kind, comparison.shadow.name, comparison.shadow.tenant],
      ["tier", "try", "watched"],
    );
    assert.deepEqual([comparison.original?.tier, comparison.run.tier], ["small", "large"]);
    assert.equal(comparison.original?.cost_usd, result?.usage?.cost_usd);
    assert.ok(comparison.run.cost_usd > 0);
    assert.ok((comparison.original?.text ?? "") !== "" && (comparison.run.text ?? "") !== "");
    await pipeline.settled();
    const tenants = new Set(pipeline.results.records.map((record) => (jsonOf(record) as Result).tenant));
    assert.ok(![...tenants].some((tenant) => tenant.startsWith("sluice.")), "nobody's Result");
    const entries = (await readEntries(pipeline)).filter(({ tenant }) => tenant === "sluice.shadow.try");
    assert.deepEqual(entries.map(({ kind }) => kind).toSorted(), ["reserved", "settled"]);
  });

  test("a shadow without a budget calls nothing", async () => {
    const id = pipeline.id("penniless");
    await ask([id], "poor");
    const run = await seen(id, "run");
    assert.deepEqual([run.kind === "run" && run.status, run.run.cost_usd], ["rejected", 0]);
    await pipeline.settled();
    assert.ok(!told(id).some(({ kind }) => kind === "comparison"));
  });

  test("a cache hit can be reported, an answer of a model not", async () => {
    const id = pipeline.id("reported");
    await ask([id], "demo");
    const reply = await fetch(`${pipeline.gateway_url}/v1/requests/${id}/report`, {
      method: "POST",
      headers: { authorization: `Bearer ${pipeline.api_key}`, "content-type": "application/json" },
      body: JSON.stringify({ wrong_cache_hit: true }),
    });
    const { error } = (await reply.json()) as { error: { code: string } };
    assert.deepEqual([reply.status, error.code], [409, "not_from_cache"]);
  });

  async function start(name: string, model: string): Promise<void> {
    const { code, err } = await sluice(pipeline, "rollout", "start", name, "--tier", "small", "--model", model);
    assert.equal(code, 0, err);
  }

  /** Sends requests until the rollout has ended. @returns the Results that were on either side of it. */
  async function drive(name: string): Promise<{ shown: Shown; results: Result[] }> {
    const results: Result[] = [];
    for (let round = 0; round < 40; round += 1) {
      const ids = Array.from({ length: BATCH }, (_, at) => pipeline.id(`${name}-${round}-${at}`));
      results.push(...(await ask(ids, "demo")));
      const shown = JSON.parse((await sluice(pipeline, "rollout", "show", name, "--json")).out) as Shown;
      if (shown.status === "done" || shown.status === "rolled_back") return { shown, results };
    }
    throw new Error(`${name} did not end`);
  }

  test("a rollout that costs too much is taken back by itself", async () => {
    await start("dear", "gpt-4.1-dear");
    const { shown, results } = await drive("dear");
    assert.equal(shown.status, "rolled_back");
    assert.match(shown.why ?? "", /mean cost/);
    for (const { route } of results) {
      const side = route?.decision?.rollout?.side;
      if (side !== undefined) assert.equal(route?.model, side === "new" ? "gpt-4.1-dear" : "gpt-4.1-mini");
    }
    const after_it = await until("nobody has the new side", async () => {
      const found = await ask([pipeline.id(`after-${Math.random().toString(36).slice(2)}`)], "demo");
      return found[0]?.route?.decision?.rollout === undefined ? found[0] : undefined;
    });
    assert.equal(after_it?.route?.model, "gpt-4.1-mini");
  });

  test("a rollout that is as good is taken by all, stage by stage", async () => {
    await start("cheaper", "gpt-4.1-nano");
    const { shown, results } = await drive("cheaper");
    assert.deepEqual([shown.status, shown.percent], ["done", 100]);
    const percents = new Set(results.map(({ route }) => route?.decision?.rollout?.percent));
    assert.ok(percents.has(50) && percents.has(100), [...percents].join());
    const [result] = await ask([pipeline.id("at-the-end")], "demo");
    assert.equal(result?.route?.model, "gpt-4.1-nano");
  });
});
