/** What results say of requests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { sampleMetrics } from "../../../libs/shared/beats/sampling.ts";
import { type OutcomeHead, outcomeHead } from "../../../libs/shared/events/flow.ts";
import { topicNames } from "../../../libs/shared/events/topics.ts";
import { ResultsMetrics } from "../../../services/results/metrics.ts";

const NOW_MS = 10_000;
const outcome = (tenant: string, cost_usd: number): OutcomeHead =>
  outcomeHead.parse({
    ...{ id: "r1", tenant, status: "succeeded", content_hash: "h", timing: { received: NOW_MS - 500 } },
    route: { tier: "small", model: "m", endpoint: "e", reason: "default", cache: "miss", attempts: 2 },
    usage: {
      ...{ prompt_tokens: 1, cached_prompt_tokens: 0, completion_tokens: 1 },
      ...{ cost_usd, price_version: "v", estimated: false },
    },
    trace: {
      attempts: [{ tier: "small", model: "m", at_ms: 0, duration_ms: 300, outcome: "ok", waited_ms: 100 }],
    },
  });

function observed(tenants_max = 1) {
  const registry = new Registry();
  const clock = { now_ms: () => NOW_MS };
  const metrics = new ResultsMetrics(registry, { tenants_max, clock, names: topicNames("llm.") });
  const values = async (name: string): Promise<string[]> =>
    (await sampleMetrics(registry, [name])).map(
      ({ name: own, labels, value }) => `${own.slice(name.length)}{${Object.values(labels).join()}} ${value}`,
    );
  return { metrics, values };
}

test("a request's result counts once, with its time, its overhead, its attempts and its tenant", async () => {
  const { metrics, values } = observed();
  metrics.read("won", outcome("a", 0.5), { "sluice-trail": "llm.requests 0 1 1 1;llm.admitted.batch 0 1 1 1" });
  metrics.read("late", outcome("a", 0.5));
  metrics.read("dead_letter");
  metrics.read("won", outcome("b", 0.25), { "sluice-trail": "llm.requests 0 1 1 1;llm.deferred 0 1 1 1" });
  assert.deepEqual(await values("sluice_results_total"), ["{won,succeeded} 2", "{late,} 1", "{dead_letter,} 1"]);
  assert.deepEqual(await values("sluice_spend_usd_total"), ["{small} 0.75"]);
  assert.deepEqual(await values("sluice_tenant_spend_usd_total"), ["{a} 0.5", "{other} 0.25"]);
  assert.deepEqual(await values("sluice_tenant_requests_total"), ["{a,succeeded} 1", "{other,succeeded} 1"]);
  assert.deepEqual(await values("sluice_attempts"), ["_sum{small} 4", "_count{small} 2"]);
  assert.deepEqual(
    await values("sluice_request_seconds"),
    ["batch", "interactive"].flatMap((lane) => [`_sum{${lane},succeeded} 0.5`, `_count{${lane},succeeded} 1`]),
  );
  // What was deferred waited for its own time: nothing of it is the pipeline's overhead.
  assert.deepEqual(await values("sluice_pipeline_overhead_seconds"), ["_sum{batch} 0.1", "_count{batch} 1"]);
});
