/** The batch policy: bounds kept, nothing lost, order kept, whatever comes when. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Batch, OpenBatch, type Weight } from "../../../../services/inference/batching/policy.ts";

const BOUNDS = { bytes_max: 100, tokens_max: 50, inputs_max: 20 };
const SIZE_MAX = 4;

const light: Weight = { bytes: 1, tokens: 1 };

/** Adds each weight in turn. @returns what left by itself, as sizes and reasons. */
function left(weights: readonly Weight[]): { due: [number, string][]; open: OpenBatch<number> } {
  const open = new OpenBatch<number>(BOUNDS);
  const due = weights.flatMap((weight, at) => open.add(at, weight, 0, SIZE_MAX));
  return { due: due.map(({ members, why }) => [members.length, why]), open };
}

describe("a batch that collects", () => {
  test("leaves when it has as many members as it may", () => {
    assert.deepEqual(left([light, light, light]).due, []);
    assert.deepEqual(left([light, light, light, light]).due, [[4, "size"]]);
  });

  const rows: readonly (readonly [what: string, weights: readonly Weight[], due: [number, string][], stays: number])[] =
    [
      ["goes first when the next does not fit", [light, { bytes: 99.5, tokens: 1 }], [[1, "bytes"]], 1],
      ["leaves when nothing more fits", [light, { bytes: 99, tokens: 1 }], [[2, "bytes"]], 0],
      [
        "counts tokens",
        [
          { bytes: 1, tokens: 30 },
          { bytes: 1, tokens: 30 },
        ],
        [[1, "tokens"]],
        1,
      ],
      [
        "counts inputs",
        [
          { ...light, inputs: 15 },
          { ...light, inputs: 6 },
        ],
        [[1, "inputs"]],
        1,
      ],
      [
        "of one that is too large goes alone",
        [light, { bytes: 1_000, tokens: 1 }],
        [
          [1, "bytes"],
          [1, "bytes"],
        ],
        0,
      ],
    ];
  for (const [what, weights, due, stays] of rows) {
    test(what, () => {
      const result = left(weights);
      assert.deepEqual(result.due, due);
      assert.equal(result.open.size, stays);
    });
  }

  test("is due when its first member has waited, no matter when the others came", () => {
    const open = new OpenBatch<string>(BOUNDS);
    assert.equal(open.until_ms(1_000, 5), undefined);
    open.add("a", light, 1_000, SIZE_MAX);
    open.add("b", light, 1_003, SIZE_MAX);
    assert.equal(open.until_ms(1_003, 5), 2);
    assert.equal(open.until_ms(1_009, 5), 0);
    assert.equal(open.until_ms(1_003, 0), 0);
    assert.equal(open.until_ms(0, 5), 5, "a clock that was set back");
    assert.deepEqual(open.flush("wait"), { members: ["a", "b"], why: "wait" });
    assert.equal(open.until_ms(1_009, 5), undefined);
  });

  test("whose first member left waits for the next one's time", () => {
    const open = new OpenBatch<string>(BOUNDS);
    open.add("a", { bytes: 60, tokens: 1 }, 1_000, SIZE_MAX);
    assert.equal(open.add("b", { bytes: 60, tokens: 1 }, 1_004, SIZE_MAX).length, 1);
    assert.equal(open.until_ms(1_004, 5), 5);
  });

  test("keeps every bound, every member and their order", () => {
    const weight = fc.record({ bytes: fc.nat(150), tokens: fc.nat(70), inputs: fc.integer({ min: 1, max: 30 }) });
    const step = fc.record({ weight, elapsed_ms: fc.nat(4), size_max: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const open = new OpenBatch<number>(BOUNDS);
        const batches: Batch<number>[] = [];
        let now_ms = 0;
        for (const [at, { weight, elapsed_ms, size_max }] of steps.entries()) {
          now_ms += elapsed_ms;
          if (open.until_ms(now_ms, 5) === 0) batches.push(open.flush("wait"));
          batches.push(...open.add(at, weight, now_ms, size_max));
          assert.ok(open.size < size_max);
        }
        if (open.size > 0) batches.push(open.flush("close"));
        assert.deepEqual(
          batches.flatMap(({ members }) => members),
          steps.map((_, at) => at),
        );
        for (const { members } of batches) {
          assert.ok(members.length >= 1 && members.length <= 6);
          const sum = (of: "bytes" | "tokens" | "inputs"): number =>
            members.reduce((total, at) => total + (steps[at]?.weight[of] ?? 0), 0);
          if (members.length === 1) continue;
          assert.ok(sum("bytes") <= 100 && sum("tokens") <= 50 && sum("inputs") <= 20);
        }
      }),
    );
  });
});
