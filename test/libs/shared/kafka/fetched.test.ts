/** What a fetch's answer holds of a stretch, and where the next one begins. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { clusters, type FetchAnswer, type FetchedRecord, stretchOf } from "../../../../libs/shared/kafka/fetched.ts";

const TP = { topic: "t", partition: 3 };

function record(offset: number, more: Partial<FetchedRecord> = {}): FetchedRecord {
  return { offset: String(offset), timestamp: "5", key: null, value: Buffer.from("v"), ...more };
}

function answer(messages: readonly FetchedRecord[], stable = 1_000): FetchAnswer {
  return { lastStableOffset: String(stable), messages };
}

const offsetsOf = (given: FetchAnswer, from: number, to: number): number[] =>
  stretchOf(TP, given, from, to).records.map(({ offset }) => offset);

describe("an answer to a fetch", () => {
  test("has the records within the stretch, as consumers have them", () => {
    const headers = { a: Buffer.from("1") };
    const { records, next } = stretchOf(TP, answer([record(4), record(5, { headers }), record(6), record(7)]), 5, 7);
    assert.deepEqual(records[0], {
      ...TP,
      ...{ offset: 5, key: null, value: Buffer.from("v"), headers: { a: "1" }, timestamp_ms: 5 },
    });
    assert.deepEqual(
      records.map(({ offset }) => offset),
      [5, 6],
    );
    assert.equal(next, 8);
  });

  test("passes marks of transactions and what was aborted", () => {
    const given = answer([record(1), record(2, { isControlRecord: true })]);
    assert.deepEqual(offsetsOf(given, 0, 10), [1]);
    assert.equal(stretchOf(TP, given, 0, 10).next, 3);
  });

  test("ends behind its last batch, of which the last records may be compacted away", () => {
    const given = answer([record(4, { batchContext: { firstOffset: "2", lastOffsetDelta: 7 } })]);
    assert.equal(stretchOf(TP, given, 4, 50).next, 10);
    assert.deepEqual(stretchOf(TP, given, 7, 50), { records: [], next: 10 });
  });

  test("tells by an empty one that nothing is there as far as can be read", () => {
    assert.deepEqual(stretchOf(TP, answer([], 20), 4, 50), { records: [], next: 20 });
    assert.deepEqual(stretchOf(TP, answer([], 4), 4, 50), { records: [], next: 4 });
  });
});

test("places are read together where they are close, each of them once", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(2_000), { maxLength: 200 }), fc.integer({ min: 1, max: 100 }), (offsets, gap_max) => {
      const found = clusters(offsets, gap_max);
      for (const offset of offsets) {
        assert.equal(found.filter(({ from, to }) => from <= offset && offset < to).length, 1);
      }
      for (const [at, { from, to }] of found.entries()) {
        assert.ok(offsets.includes(from) && offsets.includes(to - 1), "nothing is read beyond the outer ones");
        assert.ok(at === 0 || from - (found[at - 1]?.to ?? 0) >= gap_max);
      }
    }),
  );
});
