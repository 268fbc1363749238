/** Ids of events: what they say comes back, and nothing else is taken for one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  compareEntryIds,
  entryBefore,
  eventId,
  isNext,
  type Place,
  readEventId,
} from "../../../../services/gateway/streams/event-ids.ts";

const U64_MAX = 2n ** 64n - 1n;
const entry = fc
  .tuple(fc.bigInt({ min: 0n, max: U64_MAX }), fc.bigInt({ min: 0n, max: U64_MAX }))
  .map(([ms, n]) => `${ms}-${n}`);
const place: fc.Arbitrary<Place> = fc
  .tuple(
    fc.oneof(
      fc.constant({}),
      entry.map((state) => ({ state })),
      fc.constantFrom("queued", "running", "deferred").map((view) => ({ view }) as const),
      fc.constantFrom("", "1795305488934").map((ended) => ({ ended })),
    ),
    fc.option(entry, { nil: undefined }),
  )
  .map(([states, token]) => (token === undefined ? states : { ...states, token }));

test("a place comes back from its id, which is fit for a header", () => {
  fc.assert(
    fc.property(place, (one) => {
      assert.deepEqual(readEventId(eventId(one)), one);
      assert.match(eventId(one), /^[\w.-]+~[\w-]+$/);
    }),
  );
  assert.equal(eventId({}), "-~-");
  assert.equal(eventId({ state: "5-1", token: "7-2" }), "5-1~7-2");
  assert.equal(eventId({ ended: "", token: "7-2" }), "ended~7-2");
});

test("what is none of ours is told apart", () => {
  for (const text of [
    "",
    "1-0",
    "~",
    "1-0~",
    "1~-",
    "1-0~2-0~3-0",
    "x~-",
    "-~queued",
    "-1-0~-",
    " -~-",
    "1-0\n~-",
    "succeeded~-",
  ]) {
    assert.equal(readEventId(text), undefined, JSON.stringify(text));
  }
  fc.assert(fc.property(fc.string(), (text) => void readEventId(text)));
});

test("entries are in order by number, not by letter", () => {
  assert.deepEqual(["10-0", "9-10", "9-9", "9-0"].sort(compareEntryIds), ["9-0", "9-9", "9-10", "10-0"]);
  assert.equal(compareEntryIds("9-9", "9-9"), 0);
  assert.deepEqual(
    [isNext("9-9", "9-10"), isNext("9-9", "9-11"), isNext("9-9", "10-10"), isNext("9-9", "9-9")],
    [true, false, false, false],
  );
  assert.deepEqual([entryBefore("9-10"), entryBefore("9-0")], ["9-9", "9-0"]);
});
