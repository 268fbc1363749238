import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { meanHeld } from "../../../bench/admission/rates/held.ts";

describe("the mean of what a window holds", () => {
  test("counts what is reserved until it has settled, then what was used, until it leaves", () => {
    const charges = [{ at_ms: 0, reserved: 10, settled_ms: 20, used: 4 }];
    assert.equal(meanHeld(charges, 60, 0, 20), 10);
    assert.equal(meanHeld(charges, 60, 20, 60), 4);
    assert.equal(meanHeld(charges, 60, 0, 120), (20 * 10 + 40 * 4) / 120);
    assert.equal(meanHeld(charges, 60, 60, 120), 0);
  });

  test("what settles after it has left is never seen as used", () => {
    assert.equal(meanHeld([{ at_ms: 0, reserved: 10, settled_ms: 90, used: 4 }], 60, 0, 120), 5);
  });

  test("is the mean of all moments", () => {
    const charge = fc.record({
      at_ms: fc.nat(200),
      reserved: fc.nat(9),
      answer_ms: fc.nat(100),
      used: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(charge, { maxLength: 20 }), fc.integer({ min: 1, max: 80 }), (drawn, window_ms) => {
        const charges = drawn.map(({ answer_ms, ...rest }) => ({ ...rest, settled_ms: rest.at_ms + answer_ms }));
        let sum = 0;
        for (let now_ms = 50; now_ms < 150; now_ms += 1) {
          for (const { at_ms, reserved, settled_ms, used } of charges) {
            if (at_ms <= now_ms && now_ms < at_ms + window_ms) sum += now_ms < settled_ms ? reserved : used;
          }
        }
        assert.ok(Math.abs(meanHeld(charges, window_ms, 50, 150) - sum / 100) < 1e-9);
      }),
    );
  });
});
