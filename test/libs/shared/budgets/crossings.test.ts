/** Which thresholds of a cap have just been crossed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { newlyCrossed } from "../../../../libs/shared/budgets/crossings.ts";

test("each threshold is told once for a cap, lowest first", () => {
  const alert_at = [0.95, 0.5, 0.8];
  assert.deepEqual(newlyCrossed(alert_at, 100, 49, undefined), []);
  assert.deepEqual(newlyCrossed(alert_at, 100, 50, undefined), [0.5]);
  assert.deepEqual(newlyCrossed(alert_at, 100, 99, undefined), [0.5, 0.8, 0.95]);
  assert.deepEqual(newlyCrossed(alert_at, 100, 99, { threshold: 0.8, cap_nusd: 100 }), [0.95]);
  assert.deepEqual(newlyCrossed(alert_at, 100, 10, { threshold: 0.8, cap_nusd: 100 }), [], "nor after a fall");
  assert.deepEqual(newlyCrossed(alert_at, 198, 99, { threshold: 0.95, cap_nusd: 100 }), [0.5], "another cap");
});

test("a cap of nought is crossed by what is spent, not by nothing", () => {
  assert.deepEqual(newlyCrossed([0.5], 0, 0, undefined), []);
  assert.deepEqual(newlyCrossed([0.5], 0, 1, undefined), [0.5]);
});
