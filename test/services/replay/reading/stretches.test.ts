/** Stretches by time, offsets and places: within what is there, in order, none twice. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { around, offsetsIn, stretchesOf } from "../../../../services/replay/reading/stretches.ts";

const topic = "llm.requests";
const BOUNDS = new Map([
  [0, { low: 10, end: 100 }],
  [1, { low: 0, end: 0 }],
  [2, { low: 5, end: 50 }],
]);

const of = (partition: number, from: number, to: number) => ({ topic, partition, from, to });

describe("stretches", () => {
  test("are all that is there where nothing is asked; empty partitions have none", () => {
    assert.deepEqual(stretchesOf({ topic }, BOUNDS, {}), [of(0, 10, 100), of(2, 5, 50)]);
  });

  test("of a time begin with its first record, and end before the other's", () => {
    const times = { from: new Map([[0, 40]]), to: new Map([[0, 60]]) };
    assert.deepEqual(stretchesOf({ topic }, BOUNDS, times), [of(0, 40, 60)], "on partition 2 nothing is as late");
    const until = { to: new Map([[2, 7]]) };
    assert.deepEqual(stretchesOf({ topic }, BOUNDS, until), [of(0, 10, 100), of(2, 5, 7)]);
  });

  test("of offsets are what is there of them, and nothing of other partitions", () => {
    const offsets = [
      { partition: 2, from: 40, to: 400 },
      { partition: 0, from: 0, to: 20 },
      { partition: 0, from: 15, to: 30 },
    ];
    assert.deepEqual(stretchesOf({ topic, offsets }, BOUNDS, {}), [of(0, 10, 30), of(2, 40, 50)]);
    const from = new Map([
      [0, 25],
      [2, 45],
    ]);
    assert.deepEqual(stretchesOf({ topic, offsets }, BOUNDS, { from }), [of(0, 25, 30), of(2, 45, 50)], "both hold");
    const missing = [{ partition: 7, from: 0, to: 1 }];
    assert.throws(() => stretchesOf({ topic, offsets: missing }, BOUNDS, {}), {
      code: "usage",
      message: /partition 7/,
    });
  });

  test("around places hold each place within, and are short", () => {
    const places = [0, 11, 12, 30, 99, 5_000].map((offset) => ({ partition: 0, offset }));
    const found = around([of(0, 10, 100), of(2, 5, 50)], [...places, { partition: 2, offset: 20 }]);
    assert.deepEqual(found, [of(0, 10, 31), of(0, 99, 100), of(2, 20, 21)]);
    assert.equal(offsetsIn(found), 23);
  });
});
