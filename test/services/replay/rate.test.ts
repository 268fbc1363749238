import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Rate } from "../../../services/replay/rate.ts";

test("in no stretch of time do more go than the rate, a quarter of a second ahead and one piece", () => {
  const steps = fc.array(fc.record({ records: fc.integer({ min: 1, max: 50 }), idle_ms: fc.nat(3_000) }), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), steps, (per_s, taken) => {
      const rate = new Rate(per_s);
      const went: { at_ms: number; records: number }[] = [];
      let now_ms = 0;
      for (const { records, idle_ms } of taken) {
        now_ms += idle_ms;
        now_ms += rate.take(records, now_ms);
        went.push({ at_ms: now_ms, records });
      }
      went.forEach((first, from) => {
        let sum = 0;
        for (const { at_ms, records } of went.slice(from)) {
          // What was taken last is paid for by whoever comes next.
          assert.ok(sum <= ((at_ms - first.at_ms) / 1_000 + 0.25) * per_s + 1e-6, `${sum} by ${at_ms}`);
          sum += records;
        }
      });
    }),
  );
});

test("a slow one goes in small pieces, a fast one in whole chunks", () => {
  assert.equal(new Rate(5).piece(500), 1);
  assert.equal(new Rate(200).piece(500), 20);
  assert.equal(new Rate(Number.POSITIVE_INFINITY).piece(500), 500);
  assert.equal(new Rate(Number.POSITIVE_INFINITY).take(500, 0), 0);
});
