/** What is remembered of the last hour, and what is asked for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SLOT_MS, type SlotRange, SlotRing, type SlotRow } from "../../../../services/gateway/admin/slots.ts";

/** At the beginning of a minute. */
const NOW_MS = Date.UTC(2026, 2, 10, 12);
const MINUTE_MS = 60_000;

const rowAt = (at_ms: number, fields: Partial<SlotRow> = {}): SlotRow => ({
  ...{ slot: Math.floor(at_ms / SLOT_MS), status: "succeeded", cache: "miss", class: 100 },
  ...{ requests: 1, cost_usd: 0.5, prompt_tokens: 10, completion_tokens: 5 },
  ...fields,
});

/** Asks as the overview does. @returns what was asked for. */
function refresh(ring: SlotRing, now_ms: number, rows: readonly SlotRow[] = []): readonly SlotRange[] {
  const wanted = ring.wanted(now_ms);
  for (const range of wanted) {
    ring.put(
      range,
      rows.filter(({ slot }) => slot >= range.from && slot < range.to),
      now_ms,
    );
  }
  return wanted;
}

const lengths = (ranges: readonly SlotRange[]): number[] =>
  ranges.map(({ from, to }) => ((to - from) * SLOT_MS) / MINUTE_MS);

describe("the ring of slots", () => {
  test("reads the hour by stretches of ten minutes, then only what is new", () => {
    const ring = new SlotRing();
    let now_ms = NOW_MS;
    assert.deepEqual(lengths(refresh(ring, now_ms)), [10]);
    assert.equal(ring.complete(now_ms), false);
    for (let tries = 0; tries < 10 && !ring.complete(now_ms); tries += 1) {
      now_ms += 2_000;
      const [fresh = 0, older = 0] = lengths(refresh(ring, now_ms));
      assert.ok(fresh <= 1 && older <= 10);
    }
    assert.equal(ring.complete(now_ms), true);
    assert.equal(ring.minutes(now_ms).length, 60);
    assert.equal(lengths(refresh(ring, now_ms + 2_000)).length, 1);
  });

  test("looks at the last minutes again now and then, for what is written down late", () => {
    const ring = new SlotRing();
    refresh(ring, NOW_MS);
    const late = rowAt(NOW_MS - 4 * MINUTE_MS);
    refresh(ring, NOW_MS + 2_000, [late]);
    const totals = () => ring.minutes(NOW_MS + MINUTE_MS).flatMap(({ by_status }) => Object.values(by_status));
    assert.deepEqual(totals(), []);
    refresh(ring, NOW_MS + 30_000, [late]);
    assert.deepEqual(totals(), [1]);
  });

  test("begins anew when nobody looked for long", () => {
    const ring = new SlotRing();
    refresh(ring, NOW_MS, [rowAt(NOW_MS)]);
    const later_ms = NOW_MS + 20 * MINUTE_MS;
    assert.deepEqual(lengths(refresh(ring, later_ms)), [10]);
    assert.deepEqual(
      ring.minutes(later_ms).flatMap(({ by_status }) => Object.keys(by_status)),
      [],
    );
  });

  test("sums by status and cache, and tells latencies by their classes", () => {
    const ring = new SlotRing();
    const [p50_class, p99_class] = [Math.log(200) / Math.log(1.05), Math.log(4_000) / Math.log(1.05)].map(Math.floor);
    const rows = [
      rowAt(NOW_MS - 5_000, { requests: 98, class: p50_class ?? 0 }),
      rowAt(NOW_MS - 15_000, { requests: 2, class: p99_class ?? 0, cache: "exact", cost_usd: 0 }),
      rowAt(NOW_MS - 15_000, { requests: 3, class: null, status: "failed", cache: "" }),
    ];
    refresh(ring, NOW_MS, rows);
    const [minute] = ring.minutes(NOW_MS).slice(-1);
    assert.deepEqual(minute?.by_status, { succeeded: 100, failed: 3 });
    assert.deepEqual(minute?.by_cache, { miss: 98, exact: 2 });
    assert.equal(minute?.cost_usd, 1);
    const { p50 = 0, p99 = 0 } = minute?.latency_ms ?? {};
    assert.ok(Math.abs(p50 - 200) / 200 < 0.05 && Math.abs(p99 - 4_000) / 4_000 < 0.05, `${p50} ${p99}`);
    assert.deepEqual(ring.recent(NOW_MS).by_status, { succeeded: 100, failed: 3 });
  });
});
