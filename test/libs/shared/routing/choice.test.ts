/** Which tiers may be chosen, and the ways through them. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { routingSchema } from "../../../../libs/shared/config/routing.ts";
import { choosable, leavesChoice, waysThrough } from "../../../../libs/shared/routing/choice.ts";
import type { LadderSettings } from "../../../../libs/shared/routing/ladder.ts";

const settings = (routing: object = {}): LadderSettings => ({
  tiers: {
    nano: { kind: "chat" },
    small: { kind: "chat" },
    large: { kind: "chat" },
    embed: { kind: "embeddings" },
    huge: { kind: "chat" },
  },
  routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "embed", ...routing }),
});
const NONE = { complexity: { method: "none" } };

describe("what may be chosen", () => {
  test("is the default tier and those after it, or that alone where nothing looks at requests", () => {
    assert.deepEqual(choosable(settings()), ["small", "large", "huge"]);
    assert.deepEqual(choosable(settings(NONE)), ["small"]);
    assert.deepEqual(choosable(settings({ ladder: ["nano", "large"] })), ["nano", "large", "small"]);
  });

  test("has the tiers of rules, and those of climbs", () => {
    const rules = [{ name: "r", when: {}, tier: "nano" }];
    assert.deepEqual(choosable(settings({ ...NONE, rules })), ["small", "nano"]);
    assert.deepEqual(choosable(settings({ ...NONE, escalation: { enabled: true } })), ["small", "large", "huge"]);
  });

  test("is cut to the plan's tiers", () => {
    assert.deepEqual(choosable(settings(), ["large", "embed"]), ["large"]);
    assert.deepEqual(choosable(settings(NONE), ["large", "huge"]), ["large"]);
    assert.deepEqual(choosable(settings(), ["embed"]), []);
  });

  test("is ours for chat without a tier, a model, or with auto", () => {
    assert.equal(leavesChoice({ kind: "chat" }), true);
    assert.equal(leavesChoice({ kind: "chat", model: "auto" }), true);
    assert.equal(leavesChoice({ kind: "chat", tier: "small" }), false);
    assert.equal(leavesChoice({ kind: "chat", model: "m" }), false);
    assert.equal(leavesChoice({ kind: "embeddings" }), false);
  });
});

describe("the ways through", () => {
  const among = ["small", "large", "huge", "nano"];
  test("are single tiers, unless answers may be asked for again", () => {
    assert.deepEqual(waysThrough(settings(), among), [["small"], ["large"], ["huge"], ["nano"]]);
    const once = waysThrough(settings({ escalation: { enabled: true } }), among);
    assert.deepEqual(once, [["small", "large"], ["large", "huge"], ["huge"], ["nano"]]);
    const twice = waysThrough(settings({ escalation: { enabled: true, hops_max: 2 } }), among);
    assert.deepEqual(twice[0], ["small", "large", "huge"]);
    assert.deepEqual(waysThrough(settings({ strategy: "draft_and_verify" }), ["small", "huge"]), [
      ["small", "huge"],
      ["huge"],
    ]);
  });
});
