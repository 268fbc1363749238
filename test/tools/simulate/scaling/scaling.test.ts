import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compare, runPolicy } from "../../../../tools/simulate/scaling/compare.ts";
import { Fleet } from "../../../../tools/simulate/scaling/fleet.ts";
import { LagScaler, SAME_PACE } from "../../../../tools/simulate/scaling/lag-scaler.ts";
import { scenarioOf } from "../../../../tools/simulate/scaling/scenarios.ts";
import { mean } from "../../../../tools/simulate/scaling/tune.ts";

const FEW = { seeds: [1, 2], mins: [1, 3], every: 4, scale: 1 };

describe("the simulation of scaling", () => {
  test("in a ramp fewer are late than with lag alone, in no more worker hours", () => {
    const { ours, lag } = compare("ramp", "own", FEW);
    assert.ok(lag !== undefined);
    assert.ok(mean(ours, "late") < mean(lag.results, "late"), `${mean(ours, "late")} of ${mean(lag.results, "late")}`);
    assert.ok(mean(lag.results, "worker_hours") <= 1.005 * mean(ours, "worker_hours"));
  });

  test("a run is a function of its seed", () => {
    const once = (): unknown => runPolicy(scenarioOf("burst", 7, 0.1), {});
    assert.deepEqual(once(), once());
  });

  test("every record ends, and time of workers is counted from when they are asked for", () => {
    const { trace, fleet: options } = scenarioOf("ramp", 3, 0.02);
    const fleet = new Fleet(trace, { ...options, replicas: 4 });
    for (let second = 0; second < 600 && fleet.unfinished > 0; second += 1) {
      fleet.second();
      if (second === 10) fleet.resize(6);
      if (second === 60) fleet.resize(3);
    }
    assert.equal(fleet.unfinished, 0);
    assert.equal(fleet.view().lag, 0);
    assert.ok(fleet.worker_ms >= 4 * 10_000);
  });

  test("lag-only scaling keeps within tolerance, steps and stabilisation", () => {
    const scaler = new LagScaler({ lag_threshold: 10, min: 1, max: 16, pace: SAME_PACE }, 4);
    const at = (lag: number, at_s: number): number => scaler.decide({ ...EMPTY, lag }, at_s * 1_000);
    assert.equal(at(43, 15), 4, "within a tenth");
    assert.equal(at(200, 30), 6, "two at once");
    assert.equal(at(200, 45), 6, "no more within a minute");
    assert.equal(at(200, 90), 8);
    assert.equal(at(0, 105), 8, "what was wanted within 300 s holds");
    assert.equal(at(0, 405), 7, "then one");
    assert.equal(at(0, 420), 7);
  });
});

const EMPTY = {
  ...{ members: 4, starting: 0, lag: 0, oldest_age_ms: 0, arrived: 0 },
  ...{ done: 0, busy: 0, under_way_ms: 0, provider_wait_ms: 0 },
};
