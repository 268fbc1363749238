/** Which tier and model a request goes to. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { chooseRoute } from "../../../services/router/route.ts";

const file = join(import.meta.dirname, "../../../sluice.yaml");
const table = parseSettings(readFileSync(file, "utf8"), file);

const head = (more: Partial<AdmittedHead>): AdmittedHead => ({
  id: "r1",
  tenant: "demo",
  content_hash: "",
  kind: "chat",
  lane: "interactive",
  timing: {},
  ...more,
});

describe("a route", () => {
  const routed: readonly (readonly [what: string, head: Partial<AdmittedHead>, tier: string, model: string])[] = [
    ["nothing asked", {}, "small", "gpt-4.1-mini"],
    ["auto", { model: "auto" }, "small", "gpt-4.1-mini"],
    ["a tier as model", { model: "large" }, "large", "gpt-4.1"],
    ["a model", { model: "gpt-4.1" }, "large", "gpt-4.1"],
    ["a tier", { tier: "large" }, "large", "gpt-4.1"],
    ["a tier before a model", { tier: "large", model: "gpt-4.1-mini" }, "large", "gpt-4.1"],
    ["embeddings", { kind: "embeddings" }, "embedding", "text-embedding-3-small"],
    ["embeddings, auto", { kind: "embeddings", model: "auto" }, "embedding", "text-embedding-3-small"],
  ];
  for (const [what, asked, tier, model] of routed) {
    test(`for ${what}: ${tier}`, () => {
      const routing = chooseRoute(head(asked), table);
      assert.equal(routing.kind, "routed");
      const { route } = routing as Extract<typeof routing, { kind: "routed" }>;
      const { reason, ...rest } = route;
      assert.deepEqual(rest, { tier, model, cache: "miss", attempts: 0 });
      assert.ok(reason.length > 0);
    });
  }

  const refused: readonly (readonly [what: string, head: Partial<AdmittedHead>, param: string])[] = [
    ["an unknown model", { model: "gpt-9" }, "body.model"],
    ["an unknown tier", { tier: "huge" }, "tier"],
    ["a model for a tier", { tier: "gpt-4.1" }, "tier"],
    ["a name that every object has", { model: "constructor" }, "body.model"],
    ["a prototype's name for a tier", { tier: "__proto__" }, "tier"],
    ["an embeddings tier for chat", { tier: "embedding" }, "tier"],
    ["a chat model for embeddings", { kind: "embeddings", model: "gpt-4.1" }, "body.model"],
  ];
  for (const [what, asked, param] of refused) {
    test(`is refused for ${what}`, () => {
      const routing = chooseRoute(head(asked), table);
      assert.equal(routing.kind, "refused");
      const { error } = routing as Extract<typeof routing, { kind: "refused" }>;
      assert.deepEqual([error.code, error.param], ["model_unknown", param]);
    });
  }
});
