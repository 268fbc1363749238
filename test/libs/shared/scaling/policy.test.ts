import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ScalingSettings, scalingSchema } from "../../../../libs/shared/config/scaling.ts";
import type { ScaleDecision, TargetLoad } from "../../../../libs/shared/scaling/contract.ts";
import { replicasFor } from "../../../../libs/shared/scaling/demand.ts";
import { decide, type ScaleState } from "../../../../libs/shared/scaling/policy.ts";

const SETTINGS = scalingSchema.parse({ default_bounds: { min: 1, max: 12 } });
const TARGET = { service: "inference", tier: "small" };

/** Workers with 10 places and calls of half a second: 20 records a second each. */
function loadOf(arrivals_per_s: number, replicas: number, more: Partial<TargetLoad> = {}): TargetLoad {
  const utilisation = replicas === 0 ? 0 : Math.min(1, arrivals_per_s / 20 / replicas);
  return {
    ...{ target: TARGET, at_ms: 0, replicas, starting: 0, partitions: 24, oldest_age_ms: arrivals_per_s > 0 ? 600 : 0 },
    ...{
      lag_records: Math.ceil(arrivals_per_s * 0.6),
      arrivals_per_s,
      done_per_s: Math.min(arrivals_per_s, 20 * replicas),
    },
    ...{ in_flight: utilisation * replicas * 10, in_flight_limit: replicas * 10, utilisation, service_ms: 500 },
    ...{ error_ratio: 0, provider_limited_ratio: 0 },
    ...more,
  };
}

const once = (load: TargetLoad, state: ScaleState = {}, settings: ScalingSettings = SETTINGS): ScaleDecision =>
  decide(load, state, settings).decision;

/** Decisions every five seconds, each acted on at once. */
function follow(loads: readonly Partial<TargetLoad>[], settings = SETTINGS): ScaleDecision[] {
  let state: ScaleState = {};
  let replicas = 1;
  return loads.map((more, index) => {
    const load = { ...loadOf(more.arrivals_per_s ?? 0, replicas), ...more, at_ms: index * 5_000, replicas };
    const decided = decide(load, state, settings);
    state = decided.state;
    replicas = decided.decision.desired;
    return decided.decision;
  });
}

describe("the scaling policy", () => {
  test("says what arrivals ask for, and goes there by steps", () => {
    const { wanted, desired, reason, why } = once(loadOf(100, 2));
    assert.deepEqual({ wanted, desired, reason }, { wanted: 8, desired: 4, reason: "utilisation" });
    assert.match(why, /^from 2 to 4: 100 records\/s keep 5\.0 replicas busy/);
  });

  test("waits between two steps", () => {
    const { state } = decide(loadOf(100, 2), {}, SETTINGS);
    assert.equal(once({ ...loadOf(100, 4), at_ms: 59_999 }, state).reason, "cool_down");
    assert.equal(once({ ...loadOf(100, 4), at_ms: 60_000 }, state).desired, 6);
  });

  test("makes a whole step in two parts, which are a window apart", () => {
    const loads = [...Array(4).fill({ arrivals_per_s: 30 }), ...Array(9).fill({ arrivals_per_s: 50 })];
    const changes = follow(loads).flatMap(({ desired, at_ms }, index, all) =>
      desired > (all[index - 1]?.desired ?? 1) ? [{ desired, at_ms }] : [],
    );
    for (const [index, change] of changes.entries()) {
      const before = changes[index - 1];
      if (before !== undefined) assert.ok(change.at_ms - before.at_ms >= SETTINGS.window_ms, JSON.stringify(changes));
    }
    assert.ok(changes.length >= 1);
  });

  test("sees a burst in one interval, where chance cannot be", () => {
    const load = loadOf(20, 2, { latest_arrivals: { per_s: 90, over_ms: 5_000 } });
    assert.equal(once(load, { arrivals_per_s: 20 }).desired, 4);
    const chance = loadOf(20, 2, { latest_arrivals: { per_s: 24, over_ms: 5_000 } });
    assert.equal(once(chance, { arrivals_per_s: 20 }).desired, 2);
  });

  test("works a backlog off", () => {
    const { desired, reason } = once(
      loadOf(30, 2, { utilisation: 1, in_flight: 20, lag_records: 3_000, oldest_age_ms: 60_000 }),
    );
    assert.deepEqual({ desired, reason }, { desired: 4, reason: "age" });
  });

  test("an old record in workers that have room is no reason, and it says so", () => {
    const { desired, reason, why } = once(loadOf(15, 2, { lag_records: 3_000, oldest_age_ms: 60_000 }));
    assert.deepEqual({ desired, reason }, { desired: 2, reason: "steady" });
    assert.match(why, /workers have room/);
  });

  test("holds where the provider's limits are what is waited for, where calls fail, and where partitions are out", () => {
    assert.equal(once(loadOf(100, 2, { provider_limited_ratio: 0.9 }), { cost_s: 0.05 }).reason, "provider_limit");
    assert.equal(once(loadOf(100, 2, { error_ratio: 0.9 })).reason, "errors");
    assert.deepEqual(
      [once(loadOf(100, 3, { partitions: 3 }))].map(({ desired, reason }) => [desired, reason]),
      [[3, "partitions"]],
    );
    assert.equal(once(loadOf(500, 12)).reason, "bounds");
  });

  test("needs no more workers than the provider lets work through", () => {
    assert.equal(once(loadOf(200, 4, { provider_max_per_s: 40 })).wanted, 3);
  });

  test("goes to nothing where nothing is to do and the settings say so, and comes back for a record", () => {
    const settings = scalingSchema.parse({ default_bounds: { min: 0, max: 4 } });
    const quiet = follow(
      [{ arrivals_per_s: 5 }, ...Array.from({ length: 100 }, () => ({ arrivals_per_s: 0 }))],
      settings,
    );
    assert.equal(quiet.at(-1)?.desired, 0);
    assert.equal(once(loadOf(0, 0, { lag_records: 1, oldest_age_ms: 10 }), { desired: 0 }, settings).desired, 1);
    assert.equal(once(loadOf(0, 0), { desired: 0 }, settings).desired, 0);
  });

  test("is warm before what is expected, if it is sure of it", () => {
    const forecast = { expected_per_s: 100, ahead_ms: 300_000, confidence: 0.9, seasons: 4 };
    const { decision } = decide(loadOf(20, 2), {}, SETTINGS, forecast);
    assert.deepEqual([decision.desired, decision.reason], [4, "forecast"]);
    assert.equal(decide(loadOf(20, 2), {}, SETTINGS, { ...forecast, confidence: 0.2 }).decision.desired, 2);
  });

  test("of 24 partitions, members take whole ones", () => {
    assert.equal(replicasFor(7, 24, 0.7), 12);
    assert.equal(replicasFor(7, 0, 0.7), 10);
    assert.equal(replicasFor(0, 24, 0.7), 0);
  });
});

const anyLoad = fc.record({
  arrivals_per_s: fc.double({ min: 0, max: 400, noNaN: true }),
  lag_records: fc.nat(20_000),
  oldest_age_ms: fc.nat(600_000),
  utilisation: fc.double({ min: 0, max: 1, noNaN: true }),
  error_ratio: fc.double({ min: 0, max: 1, noNaN: true }),
  provider_limited_ratio: fc.double({ min: 0, max: 1, noNaN: true }),
  partitions: fc.integer({ min: 1, max: 24 }),
});

describe("whatever the load", () => {
  test("bounds, steps and cool-downs hold", () => {
    fc.assert(
      fc.property(fc.array(anyLoad, { minLength: 1, maxLength: 200 }), (loads) => {
        let [before, changed_ms] = [1, Number.NEGATIVE_INFINITY];
        const raises: { readonly at_ms: number; readonly by: number }[] = [];
        for (const { desired, at_ms } of follow(loads)) {
          assert.ok(desired >= 1 && desired <= 12);
          assert.ok(desired <= before + 2 && desired >= before - 1);
          if (desired > before) raises.push({ at_ms, by: desired - before });
          const lately = raises.filter((one) => at_ms - one.at_ms < 60_000).reduce((sum, { by }) => sum + by, 0);
          assert.ok(lately <= 2);
          if (desired < before) assert.ok(at_ms - changed_ms >= 300_000);
          if (desired !== before) changed_ms = at_ms;
          before = desired;
        }
      }),
      { numRuns: 100 },
    );
  });

  test("a steady load is not flapped about: it is found once and kept", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 150, noNaN: true }), (arrivals_per_s) => {
        const desired = follow(Array.from({ length: 600 }, () => ({ arrivals_per_s }))).map((one) => one.desired);
        const rising = desired.every((count, index) => count >= (desired[index - 1] ?? 0));
        assert.ok(rising, desired.join(" "));
        assert.equal(new Set(desired.slice(200)).size, 1);
      }),
      { numRuns: 50 },
    );
  });

  test("more arrivals never ask for fewer", () => {
    const rate = fc.double({ min: 0, max: 500, noNaN: true });
    fc.assert(
      fc.property(rate, rate, fc.integer({ min: 1, max: 24 }), (one, other, partitions) => {
        const [less, more] = [Math.min(one, other), Math.max(one, other)];
        const state = { cost_s: 0.05, arrivals_per_s: 10, decided_at_ms: 0, desired: 4 };
        const wanted = (arrivals_per_s: number): number =>
          once({ ...loadOf(40, 4), partitions, arrivals_per_s, lag_records: 20, at_ms: 5_000 }, state).wanted;
        assert.ok(wanted(less) <= wanted(more));
      }),
    );
  });
});
