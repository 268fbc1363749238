/** What a run came to, beside the original. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Shadow, shadowRun as schema } from "../../../libs/shared/events/shadow.ts";
import { runFor, shadowRun } from "../../../services/results/shadow-run.ts";

const shadow: Shadow = { kind: "tier", name: "try", tenant: "demo", id: "r1" };
const route = (tier: string) => ({ tier, model: `${tier}-1`, reason: "", cache: "miss", attempts: 1 }) as const;
const usage = { prompt_tokens: 1, cached_prompt_tokens: 0, completion_tokens: 1, price_version: "1", estimated: false };
const answer = (content: string) => ({ choices: [{ message: { content } }] });

const outcome = {
  status: "succeeded",
  route: route("large"),
  usage: { ...usage, cost_usd: 0.02 },
  timing: { dispatched: 100, completed: 350 },
} as const;
const original = JSON.stringify({
  ...{ id: "r1", tenant: "demo", status: "succeeded", route: route("small"), usage: { ...usage, cost_usd: 0.001 } },
  ...{ timing: { dispatched: 10, completed: 60 }, response: answer("Paris.") },
});

describe("a run", () => {
  test("has both sides: tier, model, cost, latency, text", () => {
    const run = shadowRun(shadow, outcome, Buffer.from(JSON.stringify(answer("It is Paris."))), original, 9);
    assert.deepEqual(schema.parse(run), run);
    assert.deepEqual(run, {
      ...{ kind: "run", shadow, at_ms: 9, status: "succeeded" },
      original: { tier: "small", model: "small-1", cost_usd: 0.001, latency_ms: 50, text: "Paris." },
      run: { tier: "large", model: "large-1", cost_usd: 0.02, latency_ms: 250, text: "It is Paris." },
    });
  });

  test("that was refused has nothing to compare, nor has one whose original is gone", () => {
    const run = shadowRun(shadow, { status: "rejected", timing: {} }, undefined, undefined, 9);
    assert.deepEqual(run, { kind: "run", shadow, at_ms: 9, status: "rejected", run: { cost_usd: 0 } });
  });
});

describe("an outcome", () => {
  test("is a run's in a tenant of the pipeline alone", () => {
    assert.deepEqual(runFor({ tenant: "sluice.shadow.try", shadow }), shadow);
    assert.equal(runFor({ tenant: "demo", shadow }), undefined);
    assert.equal(runFor({ tenant: "sluice.shadow.try" }), undefined);
  });
});
