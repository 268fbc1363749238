/** What may answer a request now. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AnsweringSettings,
  answering,
  answeringNames,
  type TierSide,
} from "../../../../libs/shared/cache/answering.ts";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import type { AskedTier } from "../../../../libs/shared/routing/choice.ts";

const SETTINGS: AnsweringSettings = parseSettings(
  `
tiers:
  small: { models: [s1, s2] }
  large: { models: [l1] }
  embedding: { kind: embeddings, models: [e1] }
routing: { default_tier: small, embeddings_tier: embedding }
prices:
  version: "1"
  models: { s1: &p { input_usd_per_mtok: 1 }, s2: *p, l1: *p, e1: *p }
`,
  "test.yaml",
);

const cases: readonly (readonly [string, AskedTier, readonly string[]])[] = [
  ["left to us", { kind: "chat" }, ["small/s1", "large/l1"]],
  ["auto", { kind: "chat", model: "auto" }, ["small/s1", "large/l1"]],
  ["a tier", { kind: "chat", tier: "large" }, ["large/l1"]],
  ["a tier by model", { kind: "chat", model: "large" }, ["large/l1"]],
  ["a tier stands before a model", { kind: "chat", tier: "small", model: "l1" }, ["small/s1"]],
  ["a model", { kind: "chat", model: "s2" }, ["small/s2"]],
  ["embeddings", { kind: "embeddings" }, ["embedding/e1"]],
  ["a tier that is not there", { kind: "chat", tier: "s1" }, []],
  ["a model that is not there", { kind: "chat", model: "__proto__" }, []],
];
for (const [name, asked, expected] of cases) {
  test(`of ${name}`, () => assert.deepEqual(answeringNames(answering(asked, SETTINGS)), expected));
}

test("a rollout changes what a tier answers with, where the settings still have it", () => {
  const sideOf = (tier: string): TierSide => (tier === "small" ? { model: "s2", prompt: "gone" } : { model: "gone" });
  assert.deepEqual(answeringNames(answering({ kind: "chat" }, SETTINGS, sideOf)), ["small/s2", "large/l1"]);
  assert.deepEqual(answeringNames(answering({ kind: "chat", model: "s1" }, SETTINGS, sideOf)), ["small/s1"]);
});

test("a prompt counts by version and text", () => {
  const withPrompts = (prompts: Record<string, string>): AnsweringSettings => {
    const { small, ...others } = SETTINGS.tiers;
    assert.ok(small);
    return { ...SETTINGS, tiers: { ...others, small: { ...small, prompts, prompt: "v1" } } };
  };
  const names = (settings: AnsweringSettings, prompt?: string) =>
    answeringNames(answering({ kind: "chat", tier: "small" }, settings, () => ({ prompt }))).join();
  const settings = withPrompts({ v1: "Be brief.", v2: "Be kind." });
  const of_v1 = names(settings);
  assert.match(of_v1, /^small\/s1#[0-9a-f]{64}$/);
  assert.equal(names(settings, "gone"), of_v1);
  assert.notEqual(names(settings, "v2"), of_v1);
  assert.notEqual(names(withPrompts({ v1: "Be long." })), of_v1);
  assert.equal(names(withPrompts({ v1: "Be brief." })), of_v1);
});
