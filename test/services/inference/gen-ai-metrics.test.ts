/** Calls of models under OpenTelemetry's names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Registry } from "prom-client";
import { sampleMetrics } from "../../../libs/shared/beats/sampling.ts";
import { endpointOutcome, InferenceMetrics } from "../../../services/inference/metrics.ts";
import type { CallMade } from "../../../services/inference/sending.ts";

const CALL: CallMade = {
  ...{ kind: "chat", model: "m", endpoint: "e", outcome: "succeeded", end: "answered", latency_ms: 1_000 },
  ...{ first_token_ms: 200, tokens: { input: 30, output: 5 } },
};

async function shown(calls: readonly CallMade[], name: string): Promise<[labels: string, value: number][]> {
  const registry = new Registry();
  const metrics = new InferenceMetrics(registry);
  for (const call of calls) metrics.called("small", call);
  const samples = await sampleMetrics(registry, [name]);
  return samples
    .filter((sample) => !sample.name.endsWith("_count"))
    .map(({ labels, value }) => [Object.values(labels).join(), value]);
}

test("a streamed call has its duration, tokens, first token, and the time of each after it", async () => {
  assert.deepEqual(await shown([CALL], "gen_ai_client_operation_duration_seconds"), [["chat,m,small", 1]]);
  assert.deepEqual(await shown([CALL], "gen_ai_client_token_usage"), [
    ["chat,m,small,input", 30],
    ["chat,m,small,output", 5],
  ]);
  assert.deepEqual(await shown([CALL], "gen_ai_server_time_to_first_token_seconds"), [["chat,m,small", 0.2]]);
  assert.deepEqual(await shown([CALL], "gen_ai_server_time_per_output_token_seconds"), [["chat,m,small", 0.2]]);
});

test("one that failed has its error, and no tokens where nobody counted them", async () => {
  const { tokens: _tokens, first_token_ms: _first, ...rest } = CALL;
  const failed: CallMade = { ...rest, outcome: "provider_timeout", end: "failed" };
  assert.deepEqual(await shown([failed], "gen_ai_client_operation_duration_seconds"), [
    ["chat,m,small,provider_timeout", 1],
  ]);
  for (const name of ["gen_ai_client_token_usage", "gen_ai_server_time_to_first_token_seconds"]) {
    assert.deepEqual(await shown([failed], name), []);
  }
  assert.deepEqual(await shown([failed], "sluice_endpoint_calls_total"), [["small,e,timeout", 1]]);
});

test("of its endpoint a call says whether it answered, not whether the request was good", () => {
  const outcomes = [
    ["answered", "provider_rejected", "ok"],
    ["overloaded", "provider_rate_limited", "throttled"],
    ["failed", "provider_timeout", "timeout"],
    ["failed", "provider_error", "error"],
    ["key_refused", "provider_auth", "key_refused"],
    ["aborted", "cancelled", "aborted"],
  ] as const;
  for (const [end, outcome, word] of outcomes) assert.equal(endpointOutcome({ end, outcome }), word);
});
