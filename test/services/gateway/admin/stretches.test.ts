/** Stretches of time to look through, the newest first. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { stretchesBack } from "../../../../services/gateway/admin/stretches.ts";

const NOW_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

describe("stretches back", () => {
  test("begin with seconds and end with days", () => {
    const found = [...stretchesBack({ from_ms: NOW_MS - 100 * DAY_MS, to_ms: Number.POSITIVE_INFINITY }, NOW_MS)];
    assert.deepEqual(found[0], { from_ms: NOW_MS - 10_000, to_ms: NOW_MS + 600_000 });
    assert.equal(found.at(-1)?.from_ms, NOW_MS - 100 * DAY_MS);
    assert.ok(found.length <= 10);
  });

  test("are all of the time asked for, without a gap and nothing twice", () => {
    const time = fc.integer({ min: NOW_MS - 100 * DAY_MS, max: NOW_MS + DAY_MS });
    fc.assert(
      fc.property(time, time, (from_ms, to_ms) => {
        const found = [...stretchesBack({ from_ms, to_ms }, NOW_MS)];
        const end_ms = Math.min(to_ms, NOW_MS + 600_000);
        if (end_ms <= from_ms) return assert.deepEqual(found, []);
        assert.equal(found[0]?.to_ms, end_ms);
        assert.equal(found.at(-1)?.from_ms, from_ms);
        for (const [at, { from_ms: from, to_ms: to }] of found.entries()) {
          assert.ok(from < to);
          if (at > 0) assert.equal(to, found[at - 1]?.from_ms);
        }
      }),
    );
  });
});
