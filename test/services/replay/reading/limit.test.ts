/** A limit is in the stretches: they end behind the last record taken, one of each stretch in turn. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Range } from "../../../../libs/shared/replay/replay.ts";
import type { Recorded, RecordedChunk } from "../../../../services/replay/contract.ts";
import { limited } from "../../../../services/replay/reading/limit.ts";

const topic = "t";
const of = (partition: number, from: number, to: number): Range => ({ topic, partition, from, to });

/** Takes even offsets alone; chunks of four. */
async function* read(range: Range): AsyncGenerator<RecordedChunk, void, void> {
  for (let at = range.from; at < range.to; at += 4) {
    const offsets = Array.from({ length: Math.min(4, range.to - at) }, (_, more) => at + more);
    const items = offsets.map((offset) =>
      offset % 2 === 0 ? { offset, recorded: {} as Recorded } : { offset, skipped: "filtered" as const },
    );
    yield { source: { topic, partition: range.partition }, items };
  }
}

describe("a limit", () => {
  const ranges = [of(0, 0, 100), of(1, 0, 3), of(2, 50, 100)];

  test("takes from each in turn, and more of the others where one has no more", async () => {
    assert.deepEqual(await limited(ranges, 7, read, () => undefined), [of(0, 0, 5), of(1, 0, 3), of(2, 50, 53)]);
    assert.deepEqual(await limited(ranges, 1, read, () => undefined), [of(0, 0, 1)]);
    assert.deepEqual(await limited([of(0, 1, 2)], 1, read, () => undefined), [], "nothing is taken there");
    const all = await limited(ranges, 1_000, read, () => undefined);
    assert.deepEqual(all, [of(0, 0, 99), of(1, 0, 3), of(2, 50, 99)]);
  });

  test("looks no further than it must, and tells how far", async () => {
    let passed = 0;
    await limited(ranges, 3, read, (count) => {
      passed += count;
    });
    assert.equal(passed, 4 + 3 + 4);
    const stop = new Error("too many");
    const look = (): void => {
      throw stop;
    };
    await assert.rejects(limited(ranges, 3, read, look), stop);
  });
});
