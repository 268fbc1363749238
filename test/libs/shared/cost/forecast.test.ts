/** What a traffic costs and needs. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { callUsd, forecast, MACHINE, type TierTraffic, type Traffic } from "../../../../libs/shared/cost/forecast.ts";

const SMALL: TierTraffic = {
  tier: "small",
  share: 0.75,
  input_usd_per_mtok: 0.4,
  output_usd_per_mtok: 1.6,
  service_ms: 500,
  in_flight_max: 64,
};
const LARGE = {
  ...SMALL,
  tier: "large",
  share: 0.25,
  input_usd_per_mtok: 2,
  output_usd_per_mtok: 8,
  service_ms: 2_000,
};
const TRAFFIC: Traffic = {
  requests_per_day: 864_000,
  tokens_in: 1_000,
  tokens_out: 500,
  hit_ratio: 0,
  tiers: [SMALL, LARGE],
  escalated_ratio: 0,
  peak_factor: 2,
};

describe("a forecast", () => {
  test("is tokens times prices", () => {
    // 648,000 calls at $0.0012 and 216,000 at $0.006.
    assert.ok(Math.abs(forecast(TRAFFIC).cost_usd_per_day - (777.6 + 1_296)) < 1e-6);
  });

  test("has calls in flight by Little's law, and workers for them", () => {
    const [small, large] = forecast(TRAFFIC).tiers;
    // 10 a second, 20 at the peak: 15 for half a second, 5 for two.
    assert.ok(Math.abs((small?.calls_in_flight_peak ?? 0) - 7.5) < 1e-9);
    assert.ok(Math.abs((large?.calls_in_flight_peak ?? 0) - 10) < 1e-9);
    assert.equal(forecast({ ...TRAFFIC, requests_per_day: 8_640_000 }).tiers[1]?.workers, Math.ceil(100 / 44.8));
  });

  test("a hit calls nothing", () => {
    const [none, half] = [forecast(TRAFFIC), forecast({ ...TRAFFIC, hit_ratio: 0.5 })];
    assert.ok(Math.abs(half.cost_usd_per_day - half.cache.cost_usd_per_day - none.cost_usd_per_day / 2) < 1e-6);
  });

  test("escalated answers cost both calls", () => {
    const escalated = forecast({ ...TRAFFIC, escalated_ratio: 0.1 });
    const more = escalated.cost_usd_per_day - forecast(TRAFFIC).cost_usd_per_day;
    assert.ok(Math.abs(more - 64_800 * callUsd(TRAFFIC, LARGE)) < 1e-6);
  });

  test("of nothing needs one of each", () => {
    const { cores, partitions, cost_usd_per_day } = forecast({ ...TRAFFIC, requests_per_day: 0 });
    assert.deepEqual([cores, partitions, cost_usd_per_day], [1, 1, 0]);
  });
});

const traffics = fc.record({
  requests_per_day: fc.integer({ min: 1, max: 1e9 }),
  tokens_in: fc.integer({ min: 1, max: 100_000 }),
  tokens_out: fc.integer({ min: 1, max: 10_000 }),
  hit_ratio: fc.double({ min: 0, max: 0.99, noNaN: true }),
  escalated_ratio: fc.double({ min: 0, max: 1, noNaN: true }),
  peak_factor: fc.double({ min: 1, max: 20, noNaN: true }),
  tiers: fc.constant([SMALL, LARGE]),
});

describe("break-even", () => {
  test("of the cache: from there on it saves", () => {
    fc.assert(
      fc.property(traffics, (traffic) => {
        const even = forecast(traffic).cache.break_even_hit_ratio ?? assert.fail("calls cost something");
        const at = (hit_ratio: number): number => forecast({ ...traffic, hit_ratio }).cache.saved_usd_per_day;
        const scale = forecast({ ...traffic, hit_ratio: 0 }).cost_usd_per_day;
        if (even < 0.99) assert.ok(Math.abs(at(even)) < scale * 1e-6, String(at(even)));
        if (even * 1.1 < 0.99) assert.ok(at(even * 1.1) > 0);
      }),
    );
  });

  test("of tiers: up to there the weakest first costs no more", () => {
    const even = forecast(TRAFFIC).tiering.break_even_escalated_ratio ?? assert.fail("there are two tiers");
    const [all_weak, all_strong] = [
      {
        ...TRAFFIC,
        tiers: [
          { ...SMALL, share: 1 },
          { ...LARGE, share: 0 },
        ],
      },
      { ...TRAFFIC, tiers: [{ ...LARGE, share: 1 }] },
    ];
    const strong = forecast(all_strong).cost_usd_per_day;
    assert.ok(Math.abs(forecast({ ...all_weak, escalated_ratio: even }).cost_usd_per_day - strong) < strong * 1e-9);
    assert.ok(forecast({ ...all_weak, escalated_ratio: even * 0.9 }).cost_usd_per_day < strong);
  });
});

test("ten times the requests cost ten times as much, and need no less", () => {
  fc.assert(
    fc.property(traffics, (traffic) => {
      const [one, ten] = [forecast(traffic), forecast({ ...traffic, requests_per_day: 10 * traffic.requests_per_day })];
      assert.ok(Math.abs(ten.cost_usd_per_day / one.cost_usd_per_day - 10) < 1e-6);
      assert.ok(ten.cores >= one.cores && ten.partitions >= one.partitions);
      const per_s = ten.requests_per_s_peak / ten.partitions;
      assert.ok(per_s <= MACHINE.partition_requests_per_s * MACHINE.utilisation_max + 1e-9);
    }),
  );
});
