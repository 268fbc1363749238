/** Labels have a bound. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "prom-client";
import { cacheSchema } from "../../../../libs/shared/config/cache.ts";
import type { ShadowRun } from "../../../../libs/shared/events/shadow.ts";
import { BoundedLabels, observeComparisons, observeThresholds } from "../../../../services/router/checks/metrics.ts";
import { Thresholds } from "../../../../services/router/checks/thresholds.ts";

const runOf = (kind: "cache_check" | "tier", tenant: string): ShadowRun => ({
  kind: "run",
  shadow: { kind, name: kind === "tier" ? "try" : "cache", tenant, id: "r" },
  at_ms: 1,
  status: "succeeded",
  run: { cost_usd: 0 },
});

describe("figures of checks", () => {
  test("the first names keep theirs, later ones share one", () => {
    const labels = new BoundedLabels(2);
    assert.deepEqual(
      ["a", "b", "c", "a", "d"].map((name) => labels.of(name)),
      ["a", "b", "other", "a", "other"],
    );
  });

  test("count runs by shadow, and compared answers of the cache by tenant", async () => {
    const metrics = new Registry();
    const ended = observeComparisons(metrics);
    ended(runOf("cache_check", "demo"), "same");
    ended(runOf("cache_check", "demo"), "different");
    ended(runOf("cache_check", "demo"), "not_succeeded");
    ended(runOf("tier", "demo"), "same");
    const text = await metrics.metrics();
    for (const line of [
      'sluice_cache_checks_total{tenant="demo",same="true"} 1',
      'sluice_cache_checks_total{tenant="demo",same="false"} 1',
      'sluice_shadow_total{name="cache",outcome="not_succeeded"} 1',
      'sluice_shadow_total{name="try",outcome="same"} 1',
    ]) {
      assert.ok(text.includes(line), line);
    }
  });

  test("show each tenant's part of wrong answers, and its threshold", async () => {
    const metrics = new Registry();
    const { semantic } = cacheSchema.parse({});
    const thresholds = new Thresholds({ base: 0.8, settings: semantic, clock: { now_ms: () => 5 } });
    observeThresholds(metrics, thresholds);
    for (let at = 0; at < 4; at += 1) {
      const shadow = { kind: "cache_check", name: "cache", tenant: "demo", id: `${at}`, probability: 0.9 } as const;
      thresholds.add({ shadow, same: at > 0, at_ms: 5 });
    }
    const text = await metrics.metrics();
    assert.ok(text.includes('sluice_cache_false_hit_ratio{tenant="demo"} 0.25'));
    assert.ok(text.includes('sluice_cache_threshold{tenant="demo"} 0.8'));
  });
});
