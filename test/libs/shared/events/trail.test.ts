/** The trail of places: bounded, in order, and unharmed by what others write. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  passed,
  TRAIL_BYTES_MAX,
  TRAIL_HOPS_MAX,
  trailOf,
  withNote,
  withPlace,
} from "../../../../libs/shared/events/trail.ts";
import type { InRecord } from "../../../../libs/shared/kafka/ports.ts";

const HEADER = "sluice-trail";

function record(offset: number, trail?: string, topic = "llm.requests"): InRecord {
  const headers = trail === undefined ? { own: "x" } : { own: "x", [HEADER]: trail };
  return { topic, partition: 1, offset, key: null, value: null, headers, timestamp_ms: 1_000 };
}

const topic = fc.stringMatching(/^[A-Za-z0-9._-]{1,249}$/);

/** The trail after a record has stood at each place. */
function walk(topics: readonly string[]): string {
  let trail = "";
  for (const [offset, name] of topics.entries())
    trail = passed(record(offset, trail, name), 2_000).headers[HEADER] ?? "";
  return trail;
}

describe("the trail of a request", () => {
  test("gets the record's place, when it was read and how long it had waited", () => {
    const first = passed(record(7), 1_234.4);
    assert.deepEqual(first.headers, { own: "x", [HEADER]: "llm.requests 1 7 1234 234" });
    const { [HEADER]: text } = passed({ ...record(3, first.headers[HEADER]), topic: "llm.admitted" }, 1_240).headers;
    assert.deepEqual(trailOf(text).hops, [
      { topic: "llm.requests", partition: 1, offset: 7, read_ms: 1_234, waited_ms: 234 },
      { topic: "llm.admitted", partition: 1, offset: 3, read_ms: 1_240, waited_ms: 240 },
    ]);
    assert.equal(trailOf(passed(record(1), 999).headers[HEADER]).hops[0]?.waited_ms, 0, "clocks may differ");
  });

  test("leaves the record itself alone, and begins where what came with it is not ours", () => {
    const given = record(7, "llm.requests 0 0 0 0");
    assert.equal(passed(given, 1_000, true).headers[HEADER], "llm.requests 1 7 1000 0");
    assert.equal(given.headers[HEADER], "llm.requests 0 0 0 0");
  });

  test("says why a request goes back", () => {
    const { headers } = passed(record(7), 1_000);
    const noted = withNote(headers, "deferred:rate requests;x");
    assert.equal(trailOf(noted[HEADER]).hops[0]?.note, "deferred:rate_requests_x");
    assert.deepEqual(withNote({ own: "x" }, "retry:x"), { own: "x" });
  });

  test("stays within its bounds; the first places and the last stay, and what gave way is counted", () => {
    fc.assert(
      fc.property(fc.array(topic, { minLength: 1, maxLength: 60 }), (topics) => {
        const trail = walk(topics);
        assert.ok(trail.length <= TRAIL_BYTES_MAX && trail.split(";").length <= TRAIL_HOPS_MAX + 1);
        const { hops, left_out } = trailOf(trail);
        assert.equal(hops.length + (left_out?.count ?? 0), topics.length);
        const offsets = hops.map(({ offset }) => offset);
        assert.deepEqual(
          offsets,
          offsets.toSorted((a, b) => a - b),
          "in order",
        );
        assert.equal(offsets.at(-1), topics.length - 1, "where it is now");
        for (const { topic: name, offset } of hops) assert.equal(name, topics[offset]);
      }),
    );
    const { hops, left_out } = trailOf(walk(Array.from({ length: 40 }, () => "llm.deferred")));
    assert.deepEqual(left_out?.after, 6);
    assert.deepEqual(
      hops.slice(0, 7).map(({ offset }) => offset),
      [0, 1, 2, 3, 4, 5, 6 + (left_out?.count ?? 0)],
    );
  });

  test("a note after a long way is of the last place, and bounded too", () => {
    fc.assert(
      fc.property(fc.array(topic, { minLength: 1, maxLength: 40 }), fc.string({ maxLength: 200 }), (topics, note) => {
        const text = withNote({ [HEADER]: walk(topics) }, `n${note}`)[HEADER] ?? "";
        assert.ok(text.length <= TRAIL_BYTES_MAX);
        assert.match(trailOf(text).hops.at(-1)?.note ?? "", /^n/);
      }),
    );
  });

  test("survives what nobody here wrote", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 3_000 }), (garbage) => {
        assert.ok(trailOf(garbage).hops.length <= TRAIL_HOPS_MAX);
        const grown = withPlace(garbage, "llm.jobs.small 0 1 2 3");
        assert.ok(grown.length <= TRAIL_BYTES_MAX);
      }),
    );
    assert.deepEqual(trailOf("a 1 2 3 4;;b 1 99999999999999999 0 0;c x 0 0 0;~x;~3;d 1 2 3 4").hops.length, 2);
    assert.deepEqual(trailOf(undefined), { hops: [] });
  });
});
