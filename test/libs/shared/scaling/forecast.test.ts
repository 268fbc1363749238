import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { forecastRate } from "../../../../libs/shared/scaling/forecast.ts";
import { ArrivalHistory, BUCKET_MS, DAY_MS, WEEK_MS } from "../../../../libs/shared/scaling/history.ts";

const NOW_MS = 100 * WEEK_MS + 9 * 3_600_000;
const OPTIONS = { ahead_ms: 300_000, weeks: 4 };

/** Ten a second by day (from 9:05), one at night, times `level` of the day. */
function historyOf(from_ms: number, level: (at_ms: number) => number = () => 1): ArrivalHistory {
  const history = new ArrivalHistory(5 * WEEK_MS);
  for (let at_ms = from_ms; at_ms < NOW_MS; at_ms += BUCKET_MS) {
    const is_day = at_ms % DAY_MS >= 9 * 3_600_000 + BUCKET_MS;
    history.add(at_ms, at_ms + BUCKET_MS, (is_day ? 10 : 1) * 300 * level(at_ms));
  }
  return history;
}

describe("the forecast", () => {
  test("sees the morning come, by the weeks before", () => {
    const forecast = forecastRate(historyOf(NOW_MS - 4 * WEEK_MS - 2 * 3_600_000), NOW_MS, OPTIONS);
    assert.ok(forecast !== undefined);
    assert.equal(forecast.seasons, 4);
    assert.ok(forecast.expected_per_s > 7 && forecast.expected_per_s <= 10, `${forecast.expected_per_s}`);
    assert.ok(forecast.confidence > 0.9);
  });

  test("is corrected by how today is against then", () => {
    const today = (at_ms: number): number => (at_ms > NOW_MS - DAY_MS / 2 ? 1.5 : 1);
    const plain = forecastRate(historyOf(NOW_MS - 3 * WEEK_MS), NOW_MS, OPTIONS);
    const raised = forecastRate(historyOf(NOW_MS - 3 * WEEK_MS, today), NOW_MS, OPTIONS);
    assert.ok(Math.abs((raised?.expected_per_s ?? 0) / (plain?.expected_per_s ?? 1) - 1.5) < 0.01);
  });

  test("goes by days until there is a week, and says nothing before there are two", () => {
    assert.equal(forecastRate(historyOf(NOW_MS - 3 * DAY_MS - 2 * 3_600_000), NOW_MS, OPTIONS)?.seasons, 3);
    assert.equal(forecastRate(historyOf(NOW_MS - DAY_MS - 2 * 3_600_000), NOW_MS, OPTIONS), undefined);
    assert.equal(forecastRate(new ArrivalHistory(WEEK_MS), NOW_MS, OPTIONS), undefined);
  });

  test("is unsure where the weeks do not agree", () => {
    const wild = (at_ms: number): number => (Math.floor(at_ms / WEEK_MS) % 2 === 0 ? 0.1 : 3);
    assert.ok(
      (forecastRate(historyOf(NOW_MS - 4 * WEEK_MS - 2 * 3_600_000, wild), NOW_MS, OPTIONS)?.confidence ?? 1) < 0.5,
    );
  });

  test("history is bounded, and a bucket that was hardly seen says nothing", () => {
    const history = new ArrivalHistory(DAY_MS);
    for (let at_ms = 0; at_ms < 3 * DAY_MS; at_ms += BUCKET_MS) history.add(at_ms, at_ms + BUCKET_MS, 300);
    assert.ok(history.size <= DAY_MS / BUCKET_MS + 1);
    history.add(3 * DAY_MS, 3 * DAY_MS + 60_000, 60);
    assert.equal(history.rate(3 * DAY_MS), undefined);
    assert.equal(history.rate(3 * DAY_MS - BUCKET_MS), 1);
  });
});
