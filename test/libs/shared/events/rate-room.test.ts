/** What is left of the limits, in a header and back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeRateRoom, encodeRateRoom } from "../../../../libs/shared/events/rate-room.ts";

describe("the room that is left", () => {
  test("comes out as it went in, in one word", () => {
    const whole = fc.integer({ min: 0, max: 999_999_999_999_999 });
    const room = fc.record({ limit: whole, left: whole, reset_ms: whole }, { noNullPrototype: true });
    fc.assert(
      fc.property(fc.record({ requests: room, tokens: room }, { requiredKeys: [], noNullPrototype: true }), (rooms) => {
        const text = encodeRateRoom(rooms);
        assert.deepEqual(decodeRateRoom(text), rooms);
        assert.equal(text === undefined, Object.keys(rooms).length === 0);
        assert.doesNotMatch(text ?? "", /\s/);
      }),
    );
  });

  test("is never told to be more than it is", () => {
    const requests = { limit: 60, left: 3.9, reset_ms: 10.2 };
    assert.equal(encodeRateRoom({ requests }), "r=60,3,11");
    assert.equal(encodeRateRoom({ tokens: { ...requests, left: -1 } }), "t=60,0,11");
  });

  test("is unknown where the text makes no sense", () => {
    for (const text of [undefined, "", "r=1,2", "r=1,2,x;t=", "r=1e9,2,3", "q=1,2,3", "r=-1,2,3"]) {
      assert.deepEqual(decodeRateRoom(text), {}, text);
    }
    assert.deepEqual(decodeRateRoom("junk;t=1,2,3"), { tokens: { limit: 1, left: 2, reset_ms: 3 } });
  });
});
