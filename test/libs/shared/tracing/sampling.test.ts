import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSampled, samplingOf } from "../../../../libs/shared/tracing/sampling.ts";

const LOW = "a".repeat(18) + "0".repeat(14);
const HIGH = "a".repeat(18) + "f".repeat(14);
const HALF = `${"a".repeat(18)}8${"0".repeat(13)}`;
const parent = (sampled: boolean) => ({ trace_id: LOW, span_id: "b".repeat(16), sampled });

describe("samplers", () => {
  for (const [name, argument, expected] of [
    [undefined, undefined, { share: 1, by_parent: true }],
    ["always_on", undefined, { share: 1, by_parent: false }],
    ["always_off", "0.5", { share: 0, by_parent: false }],
    ["traceidratio", "0.25", { share: 0.25, by_parent: false }],
    ["parentbased_traceidratio", "0.25", { share: 0.25, by_parent: true }],
    ["parentbased_traceidratio", undefined, { share: 1, by_parent: true }],
    ["parentbased_always_off", undefined, { share: 0, by_parent: true }],
    ["traceidratio", "1.5", undefined],
    ["traceidratio", "-1", undefined],
    ["traceidratio", "many", undefined],
    ["jaeger_remote", undefined, undefined],
    ["toString", undefined, undefined],
  ] as const) {
    test(`${name} with ${argument}`, () => assert.deepEqual(samplingOf(name, argument), expected));
  }

  for (const [what, sampling, of, trace_id, expected] of [
    ["all", { share: 1, by_parent: true }, undefined, LOW, true],
    ["none", { share: 0, by_parent: true }, undefined, HIGH, false],
    ["half, of the upper one", { share: 0.5, by_parent: true }, undefined, HALF, true],
    ["half, of the lower one", { share: 0.5, by_parent: true }, undefined, LOW, false],
    ["the caller's yes", { share: 0, by_parent: true }, parent(true), LOW, true],
    ["the caller's no", { share: 1, by_parent: true }, parent(false), HIGH, false],
    ["all, whatever the caller says", { share: 1, by_parent: false }, parent(false), LOW, true],
    ["none, whatever the caller says", { share: 0, by_parent: false }, parent(true), HIGH, false],
  ] as const) {
    test(`decides by ${what}`, () => assert.equal(isSampled(sampling, of, trace_id), expected));
  }
});
