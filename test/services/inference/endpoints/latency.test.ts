import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ewmaAt_ms,
  LATENCY_DECAY_MS,
  type Latency,
  observed,
} from "../../../../services/inference/endpoints/latency.ts";

const samples = fc.array(fc.tuple(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 1, max: 100_000 })), {
  minLength: 1,
});

test("a slower call is the average at once", () => {
  const latency = observed(observed(undefined, 100, 0), 900, 10);
  assert.equal(ewmaAt_ms(latency, 10), 900);
});

test("a faster call moves it by the time that has passed", () => {
  const start = observed(undefined, 1_000, 0);
  assert.equal(observed(start, 0, 0).ewma_ms, 1_000);
  assert.ok(Math.abs(observed(start, 0, LATENCY_DECAY_MS).ewma_ms - 1_000 / Math.E) < 1e-9);
});

test("it decays while nothing comes, to a tenth", () => {
  const start = observed(undefined, 1_000, 0);
  assert.ok(Math.abs((ewmaAt_ms(start, LATENCY_DECAY_MS) ?? 0) - 1_000 / Math.E) < 1e-9);
  assert.equal(ewmaAt_ms(start, 100 * LATENCY_DECAY_MS), 100);
  assert.equal(ewmaAt_ms(undefined, 5), undefined);
});

test("it stays between the fastest and the slowest call, and a clock that goes back does no harm", () => {
  fc.assert(
    fc.property(samples, (calls) => {
      let latency: Latency | undefined;
      for (const [at_ms, latency_ms] of calls) latency = observed(latency, latency_ms, at_ms);
      const all = calls.map(([, latency_ms]) => latency_ms);
      assert.ok((latency?.ewma_ms ?? -1) >= Math.min(...all) - 1e-6);
      assert.ok((latency?.ewma_ms ?? -1) <= Math.max(...all));
      const now_ms = latency?.at_ms ?? 0;
      assert.equal(ewmaAt_ms(latency, now_ms - 1), latency?.ewma_ms);
    }),
  );
});
