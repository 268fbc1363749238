/** The schedule of faults. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { changesOf, titleOf } from "../../../cli/load/faults.ts";
import type { Fault } from "../../../cli/load/scenario.ts";

const BEFORE = { fault_rate: 0, ttft_ms: 20 };

describe("faults", () => {
  const table: readonly (readonly [
    name: string,
    faults: readonly Fault[],
    changes: readonly (readonly [number, object])[],
  ])[] = [
    ["none", [], []],
    [
      "one begins and ends",
      [{ at: 10, for: 5, set: { fault_rate: 1 } }],
      [
        [10, { fault_rate: 1, ttft_ms: 20 }],
        [15, BEFORE],
      ],
    ],
    [
      "two that overlap: each ends by itself",
      [
        { at: 10, for: 10, set: { fault_rate: 1 } },
        { at: 15, for: 10, set: { ttft_ms: 99 } },
      ],
      [
        [10, { fault_rate: 1, ttft_ms: 20 }],
        [15, { fault_rate: 1, ttft_ms: 99 }],
        [20, { fault_rate: 0, ttft_ms: 99 }],
        [25, BEFORE],
      ],
    ],
    [
      "two that set the same: the later one listed holds",
      [
        { at: 0, for: 30, set: { fault_rate: 0.1 } },
        { at: 10, for: 10, set: { fault_rate: 0.5 } },
      ],
      [
        [0, { fault_rate: 0.1, ttft_ms: 20 }],
        [10, { fault_rate: 0.5, ttft_ms: 20 }],
        [20, { fault_rate: 0.1, ttft_ms: 20 }],
        [30, BEFORE],
      ],
    ],
    [
      "one follows the other at once",
      [
        { at: 0, for: 10, set: { fault_rate: 0.1 } },
        { at: 10, for: 10, set: { ttft_ms: 5 } },
      ],
      [
        [0, { fault_rate: 0.1, ttft_ms: 20 }],
        [10, { fault_rate: 0, ttft_ms: 5 }],
        [20, BEFORE],
      ],
    ],
  ];
  for (const [name, faults, changes] of table) {
    test(name, () =>
      assert.deepEqual(
        changesOf(faults, BEFORE),
        changes.map(([at_ms, set]) => ({ at_ms, set })),
      ),
    );
  }
  test("have a title", () => {
    assert.equal(
      titleOf({ at: 0, for: 1, set: { fault_rate: 0.1, faults: ["429", "500"] } }),
      "fault_rate 0.1, faults 429/500",
    );
    assert.equal(titleOf({ name: "refusals", at: 0, for: 1, set: { fault_rate: 0.1 } }), "refusals");
  });
});
