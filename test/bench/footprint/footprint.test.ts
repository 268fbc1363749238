/** Bytes of a request and of a token, out of three loads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { footprintOf, type Stored } from "../../../bench/footprint/footprint.ts";

const stored = (requests: number, redis_bytes: number, postgres_bytes: number): Stored => ({
  topics: new Map([["llm.requests", requests]]),
  redis_bytes,
  postgres_bytes,
});

test("what a request takes is told from what its tokens take", () => {
  const loads = [
    { size: { tokens_in: 50, tokens_out: 50 }, before: stored(0, 0, 0), after: stored(10 * 300, 10 * 250, 0) },
    {
      size: { tokens_in: 1_050, tokens_out: 50 },
      before: stored(3_000, 0, 0),
      after: stored(3_000 + 10 * 4_300, 2_500, 0),
    },
    { size: { tokens_in: 50, tokens_out: 1_050 }, before: stored(0, 0, 0), after: stored(10 * 300, 10 * 2_250, 0) },
  ];
  const { topics, redis, cpu_ms } = footprintOf(10, loads, new Map([["ingest", 25]]));
  assert.deepEqual(topics["llm.requests"], { fixed: 100, per_token_in: 4, per_token_out: 0 });
  assert.deepEqual(redis, { fixed: 150, per_token_in: 0, per_token_out: 2 });
  assert.deepEqual(cpu_ms, { ingest: 2.5 });
});
