/** The size and the wait in force. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { AdaptiveSize } from "../../../../services/inference/batching/adaptive.ts";

const SETTINGS = { size_max: 64, wait_ms: 5, latency_target_ms: 100 };

/** Full batches one after the other, each with the latency that its size gives. @returns the size in force after each. */
function sizes(adaptive: AdaptiveSize, batches: number, latencyOf: (size: number) => number): number[] {
  return Array.from({ length: batches }, () => {
    const { size } = adaptive.pace(0);
    adaptive.ended(adaptive.sent(size), latencyOf(size), true);
    return adaptive.pace(0).size;
  });
}

describe("the wait", () => {
  test("is none while nothing is in flight and few wait", () => {
    const adaptive = new AdaptiveSize(SETTINGS);
    assert.equal(adaptive.pace(1).wait_ms, 0);
    assert.equal(adaptive.pace(17).wait_ms, 5, "a backlog of more than a batch");
    const sent = adaptive.sent(1);
    assert.equal(adaptive.pace(1).wait_ms, 5);
    adaptive.ended(sent, 10, true);
    assert.equal(adaptive.pace(1).wait_ms, 0);
  });
});

describe("the size", () => {
  test("grows by steps to its maximum while full batches are fast", () => {
    assert.deepEqual(
      sizes(new AdaptiveSize(SETTINGS), 13, () => 10),
      [20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 64],
    );
  });

  test("shrinks by a factor while batches are slow, and not for batches of one", () => {
    const adaptive = new AdaptiveSize(SETTINGS);
    assert.deepEqual(
      sizes(adaptive, 4, () => 101),
      [12, 9, 6, 5],
    );
    assert.equal(sizes(adaptive, 20, () => 101).at(-1), 1);
    assert.equal(sizes(adaptive, 1, () => 10).at(-1), 5, "and grows again");
  });

  test("stays where batches are not full, or failed", () => {
    const adaptive = new AdaptiveSize(SETTINGS);
    adaptive.ended(adaptive.sent(15), 10, true);
    adaptive.ended(adaptive.sent(16), 10, false);
    assert.equal(adaptive.pace(0).size, 16);
  });

  test("changes once for all batches that were in flight together", () => {
    const adaptive = new AdaptiveSize(SETTINGS);
    const together = [adaptive.sent(16), adaptive.sent(16), adaptive.sent(16)];
    for (const sent of together) adaptive.ended(sent, 500, true);
    assert.equal(adaptive.pace(0).size, 12);
    assert.equal(adaptive.in_flight, 0);
  });

  test("settles around what the target allows", () => {
    const settled = sizes(new AdaptiveSize(SETTINGS), 100, (size) => 20 + 2 * size).slice(50);
    assert.ok(
      settled.every((size) => size >= 30 && size <= 44),
      String(settled),
    );
  });

  test("is always size_max where it is fixed", () => {
    const adaptive = new AdaptiveSize(SETTINGS, "fixed");
    assert.deepEqual(
      sizes(adaptive, 2, () => 10_000),
      [64, 64],
    );
  });

  test("is whole and within bounds, whatever happens", () => {
    const ending = fc.record({
      part: fc.double({ min: 0, max: 1, noNaN: true }),
      latency_ms: fc.nat(300),
      ok: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(ending), (size_max, endings) => {
        const adaptive = new AdaptiveSize({ ...SETTINGS, size_max });
        for (const { part, latency_ms, ok } of endings) {
          const { size } = adaptive.pace(0);
          assert.ok(Number.isInteger(size) && size >= 1 && size <= size_max);
          adaptive.ended(adaptive.sent(Math.max(1, Math.ceil(part * size))), latency_ms, ok);
        }
      }),
    );
  });
});
