/** Reports of wrong answers from the cache. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Result } from "../../../../libs/shared/events/flow.ts";
import { shadowComparison } from "../../../../libs/shared/events/shadow.ts";
import { wrongHit } from "../../../../libs/shared/events/wrong-hits.ts";
import { jsonCodec, NAMES } from "../../../support/memory-ports.ts";

type Cache = "exact" | "semantic" | "coalesced" | "miss" | "bypass";

const resultOf = (cache: Cache, more: object = {}): Result => ({
  id: "r1",
  tenant: "demo",
  status: "succeeded",
  route: {
    tier: "small",
    model: "m",
    reason: "",
    cache,
    cache_entry: "e1",
    attempts: 0,
    decision: {
      by: "cache",
      cache: {
        candidates: [
          { entry: "e0", similarity: 0.99, probability: 0.1, rejected_by: "numbers" },
          { entry: "e1", similarity: 0.95, probability: 0.9 },
        ],
      },
    },
    ...more,
  },
  response: { choices: [{ message: { content: "Paris." } }] },
  timing: {},
});
const report = (result: Result) => wrongHit({ codec: jsonCodec, names: NAMES }, result, { at_ms: 5, by: "key" });
const valuesOf = (result: Result) =>
  report(result)?.records.map(({ topic, key, value }) => [topic, key, JSON.parse(value?.toString() ?? "")]) ?? [];

describe("a wrong answer by meaning", () => {
  test("takes the tenant's entry away, and counts as a check that went wrong", () => {
    const [invalidate, comparison] = valuesOf(resultOf("semantic"));
    assert.deepEqual(invalidate, [
      NAMES.control,
      "demo",
      {
        kind: "invalidate",
        selector: { tenant: "demo", entry_id: "e1" },
        at_ms: 5,
        by: "key",
        why: "reported as a wrong answer to r1",
      },
    ]);
    assert.deepEqual(comparison?.slice(0, 2), [NAMES.shadow, "demo/r1"]);
    const { shadow, same, differs_by, original } = shadowComparison.parse(comparison?.[2]);
    assert.deepEqual([shadow.kind, shadow.entry_id, shadow.probability], ["cache_check", "e1", 0.9]);
    assert.deepEqual([same, differs_by, original.text], [false, "reported", "Paris."]);
  });
});

describe("a report", () => {
  for (const cache of ["exact", "coalesced"] as const) {
    test(`of an ${cache} hit takes the entry away, and teaches no threshold`, () => {
      const hit = report(resultOf(cache));
      assert.deepEqual([hit?.entry_id, hit?.teaches, hit?.records.length], ["e1", false, 1]);
    });
  }

  for (const cache of ["miss", "bypass"] as const) {
    test(`of a ${cache} is none`, () => assert.equal(report(resultOf(cache)), undefined));
  }

  test("of an answer that was not kept, or of a request that was refused, is none", () => {
    assert.equal(report(resultOf("coalesced", { cache_entry: undefined })), undefined);
    assert.equal(report({ id: "r", tenant: "demo", status: "rejected", timing: {} }), undefined);
  });
});
