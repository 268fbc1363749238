/** Where a request stands, there and back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { originOf, originText } from "../../../../libs/shared/events/origin.ts";

const place = fc.record({
  topic: fc.stringMatching(/^[A-Za-z0-9._-]{1,30}$/),
  partition: fc.nat(),
  offset: fc.nat(Number.MAX_SAFE_INTEGER),
  timestamp_ms: fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER }),
});

test("what is written is read", () => {
  fc.assert(
    fc.property(place, (origin) => assert.deepEqual(originOf({ "sluice-origin": originText(origin) }), { ...origin })),
  );
});

test("anything else is no origin", () => {
  for (const text of [
    "",
    "llm.requests",
    "a 1 2",
    "a 1 2 3 4",
    "a b 2 3",
    "a 1.5 2 3",
    "a 1 9999999999999999 3",
    "ä 1 2 3",
  ]) {
    assert.equal(originOf({ "sluice-origin": text }), undefined, text);
  }
  assert.equal(originOf({}), undefined);
  fc.assert(
    fc.property(fc.string(), (text) => {
      const origin = originOf({ "sluice-origin": text });
      assert.ok(origin === undefined || originText(origin).length <= text.length);
    }),
  );
});
