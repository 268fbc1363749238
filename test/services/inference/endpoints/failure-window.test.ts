import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FailureWindow } from "../../../../services/inference/endpoints/failure-window.ts";

test("calls are counted until the window has passed, to a tenth of it", () => {
  const calls = fc.array(fc.record({ at_ms: fc.integer({ min: 0, max: 5_000 }), failed: fc.boolean() }));
  fc.assert(
    fc.property(calls, fc.integer({ min: 0, max: 2_000 }), (all, later_ms) => {
      const window = new FailureWindow(1_000);
      const sorted = all.sort((a, b) => a.at_ms - b.at_ms);
      for (const { at_ms, failed } of sorted) window.add(failed, at_ms);
      const now_ms = (sorted.at(-1)?.at_ms ?? 0) + later_ms;
      const kept = sorted.filter(({ at_ms }) => Math.floor(at_ms / 100) > Math.floor(now_ms / 100) - 10);
      const failures = kept.filter(({ failed }) => failed).length;
      assert.deepEqual(window.counts(now_ms), { calls: kept.length, failures });
    }),
  );
});

test("cleared, it counts nothing", () => {
  const window = new FailureWindow(1_000);
  window.add(true, 10);
  window.clear();
  assert.deepEqual(window.counts(10), { calls: 0, failures: 0 });
});
