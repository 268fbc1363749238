/** A sliding window as slots. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RATE_SLOT_MS, RATE_SLOTS, SlotWindow } from "../../../../libs/shared/budgets/slot-window.ts";

test("it holds all of the last minute, and tells when it falls", () => {
  const event = fc.record({ wait_ms: fc.nat(20_000), amount: fc.nat(9), back_ms: fc.nat(70_000) });
  fc.assert(
    fc.property(fc.array(event), (events) => {
      const window = new SlotWindow(RATE_SLOT_MS, RATE_SLOTS);
      const added: { at_ms: number; amount: number }[] = [];
      let now_ms = 1_000_000;
      const since = (age_ms: number) =>
        added.filter(({ at_ms }) => now_ms - at_ms < age_ms).reduce((sum, { amount }) => sum + amount, 0);
      for (const { wait_ms, amount, back_ms } of events) {
        now_ms += wait_ms;
        const at_ms = now_ms - back_ms;
        window.add(at_ms, amount, now_ms);
        if (back_ms < 60_000) added.push({ at_ms, amount });
        assert.ok(window.sum(now_ms) >= since(60_000));
      }
      const sum = window.sum(now_ms);
      const falls_ms = window.fallsTo_ms(sum - 1, now_ms);
      assert.ok(sum === 0 || (falls_ms <= 60_500 && window.sum(now_ms + falls_ms) < sum));
    }),
  );
});

test("what is taken back leaves the slot that it came to", () => {
  const window = new SlotWindow(500, 120);
  window.add(10_000, 8, 10_000);
  window.add(10_000, -5, 30_000);
  assert.equal(window.sum(70_499), 3);
  assert.equal(window.sum(70_500), 0);
  window.add(10_000, -3, 80_000);
  assert.equal(window.sum(80_000), 0, "it has left already");
});
