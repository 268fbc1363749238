/** From an outcome to the public Result and its row. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OutcomeHead } from "../../../libs/shared/events/flow.ts";
import { buildResult } from "../../../services/results/result.ts";

const outcome: OutcomeHead = {
  id: "r1",
  tenant: "demo",
  content_hash: "secret-to-us",
  status: "succeeded",
  route: { tier: "small", model: "m", reason: "", cache: "miss", attempts: 1 },
  usage: {
    prompt_tokens: 3,
    cached_prompt_tokens: 0,
    completion_tokens: 2,
    cost_usd: 0.000000123,
    price_version: "v",
    estimated: false,
  },
  timing: { received: 10, completed: 20 },
  metadata: { a: "b" },
};

describe("a result", () => {
  test("is the outcome without what is only ours, and the response's bytes as they came", () => {
    const response = Buffer.from('{ "choices" : [] }');
    const fill = { entry_id: "e", namespace: "n", ttl_ms: 1, store: true };
    const shadow = { kind: "tier", name: "s", tenant: "demo", id: "r0" } as const;
    const { json, carried_at } = buildResult({ ...outcome, fill, complete: true, shadow }, response);
    const { content_hash: _, ...head } = outcome;
    assert.deepEqual(JSON.parse(json.toString()), { ...head, response: { choices: [] } });
    assert.deepEqual(json.subarray(carried_at, -1), response);
  });

  test("of a refusal has no response", () => {
    const error = { code: "invalid_request", type: "invalid_request_error", message: "no", param: "body" };
    const { json, carried_at, row } = buildResult(
      { id: "r1", tenant: "demo", content_hash: "h", status: "rejected", error, timing: { received: 10 } },
      undefined,
    );
    assert.deepEqual(JSON.parse(json.toString()), {
      ...{ id: "r1", tenant: "demo", status: "rejected", error, timing: { received: 10 } },
    });
    assert.equal(carried_at, undefined);
    assert.deepEqual(row, {
      ...{ status: "rejected", tier: null, model: null, cache: null, error_code: "invalid_request" },
      ...{ prompt_tokens: null, completion_tokens: null, cost_nusd: null, received_ms: 10, completed_ms: 10 },
      ...{ result: json.toString(), origin: null, user: null, kind: null, job: null, trail: '{"hops":""}' },
    });
  });

  test("has a row with money in whole nano-dollars, where the request stands, who asked and what for", () => {
    const origin = "llm.requests 0 7 1000";
    const trail = "llm.requests 0 7 1000 0";
    const headers = { "sluice-origin": origin, "sluice-job": "batch_1", "sluice-trail": trail };
    const { row, json } = buildResult({ ...outcome, user: "ann" }, undefined, headers, { small: { kind: "chat" } });
    assert.deepEqual(row, {
      ...{ status: "succeeded", tier: "small", model: "m", cache: "miss", error_code: null },
      ...{ prompt_tokens: 3, completion_tokens: 2, cost_nusd: 123, received_ms: 10, completed_ms: 20 },
      ...{
        result: json.toString(),
        origin,
        user: "ann",
        kind: "chat",
        job: "batch_1",
        trail: JSON.stringify({ hops: trail }),
      },
    });
  });

  test("belongs to no job whose name cannot be one", () => {
    for (const name of ["", "a\u0000b", "x".repeat(201)]) {
      assert.equal(buildResult(outcome, undefined, { "sluice-job": name }).row.job, null);
    }
  });

  test("holds no NUL, which Postgres would refuse", () => {
    const { row } = buildResult({ ...outcome, metadata: { a: "\u0000" } }, undefined);
    assert.ok(!row.result.includes("\u0000"));
  });
});
