/** What counts for which side. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BASELINE_MS, StageStats } from "../../../../libs/shared/rollout/side-stats.ts";
import { type ResultMore, resultOf, START_MS, stateOf } from "./states.ts";

const table: readonly (readonly [what: string, ResultMore, counts: readonly [now: number, old: number]])[] = [
  ["the new side in this stage", {}, [1, 0]],
  ["the old side in this stage", { side: "old" }, [0, 1]],
  ["the old side at an earlier percentage", { side: "old", percent: 5 }, [0, 1]],
  ["the old side within the hour before", { side: "old", routed: START_MS - BASELINE_MS }, [0, 1]],
  ["the old side long before", { side: "old", routed: START_MS - BASELINE_MS - 1 }, [0, 0]],
  ["the new side at an earlier percentage", { percent: 5 }, [0, 0]],
  ["the new side, routed before the stage", { routed: START_MS - 1 }, [0, 0]],
  ["another rollout", { name: "other" }, [0, 0]],
  ["a cancelled request", { status: "cancelled" }, [0, 0]],
  ["a rejected request", { status: "rejected" }, [0, 0]],
  ["an answer from the cache", { cache: "exact" }, [0, 0]],
  ["a request that came too late", { status: "expired" }, [1, 0]],
];

describe("a result", () => {
  for (const [what, more, [now, old]] of table) {
    test(`of ${what} counts ${now || old ? "once" : "for nothing"}`, () => {
      const stats = new StageStats(stateOf());
      assert.equal(stats.add(resultOf(more)), now + old > 0);
      assert.deepEqual([stats.new.results, stats.old.results], [now, old]);
    });
  }

  test("without a rollout counts for nothing", () => {
    assert.equal(new StageStats(stateOf()).add({ status: "failed", timing: {} }), false);
  });
});

describe("a side", () => {
  test("has failed ones, the time from the call, and costs of those that succeeded", () => {
    const stats = new StageStats(stateOf());
    stats.add(resultOf({ latency_ms: 100, cost_usd: 2 }));
    stats.add(resultOf({ latency_ms: 300, cost_usd: 4 }));
    stats.add(resultOf({ status: "failed", latency_ms: 9_000, cost_usd: 100 }));
    const { results, failed, costs, latencies } = stats.new;
    assert.deepEqual([results, failed, costs], [3, 1, { count: 2, sum: 6, squares: 20 }]);
    assert.ok(Math.abs((latencies.quantile(1) ?? 0) - 300) <= 3.1);
  });
});
