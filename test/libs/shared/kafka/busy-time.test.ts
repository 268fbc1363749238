/** The integral of the work in hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BusyTime } from "../../../../libs/shared/kafka/busy-time.ts";

test("is what each record took, together, and grows while they are worked on", () => {
  const busy = new BusyTime();
  busy.change(2, 1_000);
  busy.change(1, 1_010);
  assert.equal(busy.read_ms(1_020), 2 * 10 + 3 * 10);
  busy.change(-3, 1_020);
  assert.equal(busy.read_ms(9_000), 50);
});

test("a clock that was set back adds nothing and takes nothing away", () => {
  const busy = new BusyTime();
  busy.change(1, 1_000);
  assert.equal(busy.read_ms(500), 0);
  busy.change(-1, 500);
  assert.equal(busy.read_ms(2_000), 0);
});

test("equals the sum over records, however they overlap", () => {
  const spans = fc.array(fc.tuple(fc.nat(1_000), fc.nat(1_000)), { maxLength: 30 });
  fc.assert(
    fc.property(spans, (pairs) => {
      const busy = new BusyTime();
      const changes = pairs.flatMap(([from, took]) => [
        [from, 1],
        [from + took, -1],
      ]) as [number, number][];
      for (const [at_ms, records] of changes.sort(([a], [b]) => a - b)) busy.change(records, at_ms);
      const sum = pairs.reduce((total, [, took]) => total + took, 0);
      assert.equal(busy.read_ms(5_000), sum);
    }),
  );
});
