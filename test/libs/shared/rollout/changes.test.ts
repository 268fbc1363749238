/** What a rollout may change. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { tierSchema } from "../../../../libs/shared/config/inference.ts";
import {
  changeProblem,
  changeTarget,
  changeText,
  type RolloutChange,
} from "../../../../libs/shared/rollout/changes.ts";

const settings = {
  tiers: {
    small: tierSchema.parse({ models: ["a", "b"], prompts: { v1: "Be kind.", v2: "Be brief." } }),
    vectors: tierSchema.parse({ kind: "embeddings", models: ["e"] }),
  },
};

const table: readonly (readonly [RolloutChange, RegExp | undefined])[] = [
  [{ of: "model", tier: "small", model: "b" }, undefined],
  [{ of: "model", tier: "vectors", model: "e" }, undefined],
  [{ of: "prompt", tier: "small", prompt: "v2" }, undefined],
  [{ of: "policy", policy_file: "/p.json" }, undefined],
  [{ of: "policy", policy_file: "" }, /no file/],
  [{ of: "model", tier: "huge", model: "b" }, /no tier "huge"; known are small, vectors/],
  [{ of: "model", tier: "constructor", model: "b" }, /no tier/],
  [{ of: "model", tier: "small", model: "c" }, /no model "c"; it has a, b/],
  [{ of: "prompt", tier: "small", prompt: "v3" }, /no prompt "v3"; it has v1, v2/],
  [{ of: "prompt", tier: "vectors", prompt: "v1" }, /no chat tier/],
];

describe("a change", () => {
  for (const [change, problem] of table) {
    test(`${JSON.stringify(change)}: ${problem ?? "can be"}`, () => {
      const found = changeProblem(change, settings);
      if (problem === undefined) assert.equal(found, undefined);
      else assert.match(found ?? "", problem);
    });
  }

  test("says what it is about, so that nothing is rolled out twice at once", () => {
    assert.equal(changeTarget({ of: "model", tier: "small", model: "b" }), "model small");
    assert.equal(changeTarget({ of: "prompt", tier: "small", prompt: "v2" }), "prompt small");
    assert.equal(changeText({ of: "prompt", tier: "small", prompt: "v2" }), "small: prompt v2");
    assert.equal(changeText({ of: "policy", policy_file: "/p.json" }), "policy /p.json");
  });
});
