/** Where spending will stand at a window's end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { forecastOf, rateOfDay, rateOfDays } from "../../../../libs/shared/budgets/forecast.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIDNIGHT_MS = Date.UTC(2026, 2, 10);
const perDay = (rate_usd: number): number => Math.round(rate_usd * DAY_MS * 1e6) / 1e6;

describe("the rate of a day", () => {
  test("is what today came to by its hours", () => {
    assert.equal(perDay(rateOfDay({ today_usd: 6, before_usd: [1] }, MIDNIGHT_MS + 12 * HOUR_MS)), 12);
  });

  test("has yesterday in it while the day is young, unless nothing was spent then", () => {
    const at_ms = MIDNIGHT_MS + 2 * HOUR_MS;
    assert.equal(perDay(rateOfDay({ today_usd: 2, before_usd: [24] }, at_ms)), 24);
    assert.equal(perDay(rateOfDay({ today_usd: 2, before_usd: [0] }, at_ms)), 24);
  });

  test("does not run away in the first minutes", () => {
    assert.equal(perDay(rateOfDay({ today_usd: 1, before_usd: [] }, MIDNIGHT_MS + 1)), 24);
  });
});

describe("the rate of the last days", () => {
  test("goes back to the first day on which anything was spent", () => {
    const noon_ms = MIDNIGHT_MS + 12 * HOUR_MS;
    assert.equal(perDay(rateOfDays({ today_usd: 1, before_usd: [2, 0, 4, 0, 0] }, noon_ms)), 2);
    assert.equal(perDay(rateOfDays({ today_usd: 1, before_usd: [0, 0] }, noon_ms)), 2);
  });
});

describe("a forecast", () => {
  const now_ms = MIDNIGHT_MS + 12 * HOUR_MS;
  const end_ms = MIDNIGHT_MS + DAY_MS;

  test("is a straight line to the window's end", () => {
    const input = { used_usd: 6, rate_usd: 12 / DAY_MS, now_ms, end_ms };
    assert.deepEqual(forecastOf({ ...input, cap_usd: null }), { end_usd: 12, reached_ms: null });
    assert.deepEqual(forecastOf({ ...input, cap_usd: 20 }), { end_usd: 12, reached_ms: null });
    assert.deepEqual(forecastOf({ ...input, cap_usd: 9 }), { end_usd: 12, reached_ms: now_ms + 6 * HOUR_MS });
    assert.deepEqual(forecastOf({ ...input, cap_usd: 5 }), { end_usd: 12, reached_ms: now_ms });
  });

  test("reaches the cap within the window exactly where it ends above it", () => {
    const usd = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(usd, usd, usd, (used_usd, cap_usd, day_usd) => {
        const { end_usd, reached_ms } = forecastOf({ used_usd, cap_usd, rate_usd: day_usd / DAY_MS, now_ms, end_ms });
        assert.ok(end_usd >= used_usd);
        if (reached_ms === null) assert.ok(end_usd <= cap_usd);
        else assert.ok(reached_ms >= now_ms && reached_ms <= end_ms);
      }),
    );
  });
});
