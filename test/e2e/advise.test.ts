/** `sluice advise` over whole pipelines that have one thing wrong: the true bottleneck is named first. The other scenarios: bench/advise. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type AdviceScenario, runScenario } from "../../bench/advise/scenario.ts";
import { undersizedPool } from "../../bench/advise/scenarios/calls.ts";
import { skewedKey } from "../../bench/advise/scenarios/sharing.ts";

const BOTTLENECK = 6;

describe("advice", () => {
  for (const scenario of [undersizedPool, skewedKey] satisfies AdviceScenario[]) {
    test(`where ${scenario.what}`, async () => {
      const parts = Object.fromEntries(
        ["KAFKA_BROKERS", "SCHEMA_REGISTRY_URL", "REDIS_URL", "DATABASE_URL"].map((name) => [
          name,
          process.env[name] ?? "",
        ]),
      );
      const outcome = await runScenario(scenario, parts, new AbortController().signal);
      assert.equal(outcome.named[0], outcome.expected, JSON.stringify(outcome, null, 1));
      assert.equal(outcome.exit_code, BOTTLENECK);
      assert.ok((outcome.first?.gain?.to ?? 0) > (outcome.first?.gain?.from ?? 0));
    });
  }
});
