/** An appeal is the same request again, of the next tier: what it is made of, and when there is none. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { appealId, appealRequest } from "../../../../libs/shared/appeals/appeal.ts";
import { type AppealDeps, appealOf } from "../../../../libs/shared/appeals/appeals.ts";
import { routingSchema } from "../../../../libs/shared/config/routing.ts";
import { ID_PATTERN } from "../../../../libs/shared/events/fields.ts";
import { requestSchema } from "../../../../libs/shared/events/request.ts";
import { ladderOf, tierAbove } from "../../../../libs/shared/routing/ladder.ts";
import { inRecord, jsonCodec } from "../../../support/memory-ports.ts";

const settings = {
  routing: routingSchema.parse({ default_tier: "small", embeddings_tier: "vectors" }),
  tiers: { tiny: { kind: "chat" }, small: { kind: "chat" }, vectors: { kind: "embeddings" }, large: { kind: "chat" } },
} as const;
const original = {
  id: "r1",
  tenant: "demo",
  body: { model: "auto", messages: [{ role: "user" as const, content: "2 + 2?" }] },
  session: "s",
  lane: "batch" as const,
  deadline: "2026-01-01T00:00:00Z",
  idempotency_key: "k",
  metadata: { team: "a" },
};
const result = { id: "r1", tenant: "demo", status: "succeeded", timing: {}, route: { tier: "small" } };
const origin = "llm.requests 2 7 1000";

function deps(more: Partial<AppealDeps> & { found?: object; stored?: object | string } = {}): AppealDeps {
  const { found = result, stored = original, ...rest } = more;
  return {
    settings,
    codec: jsonCodec,
    find: async (tenant, id) =>
      tenant === "demo" && id === "r1" ? { result: JSON.stringify(found), origin } : undefined,
    read: async () => inRecord(stored),
    ...rest,
  };
}

describe("an appeal", () => {
  test("asks the next tier the same, past the cache, under an id of its own", async () => {
    const places: object[] = [];
    const read: AppealDeps["read"] = async (place) => {
      places.push(place);
      return inRecord(original);
    };
    const appeal = await appealOf(deps({ read }), "demo", "r1");
    assert.deepEqual(appeal, {
      kind: "appeal",
      tier: "large",
      request: {
        ...{ id: "r1.appeal", tenant: "demo", tier: "large", body: original.body, session: "s", lane: "batch" },
        ...{ cache: { mode: "bypass" }, metadata: { team: "a", appeal_of: "r1" } },
      },
    });
    assert.deepEqual(places, [{ topic: "llm.requests", partition: 2, offset: 7, timestamp_ms: 1000 }]);
    assert.deepEqual(await appealOf(deps(), "demo", "r1"), appeal, "twice is the same");
  });

  for (const [what, more, tenant, id, code] of [
    ["of another tenant", {}, "other", "r1", "unknown"],
    ["of no such request", {}, "demo", "r2", "unknown"],
    ["of what is no id", {}, "demo", "../r1", "unknown"],
    ["against a failure", { found: { ...result, status: "failed" } }, "demo", "r1", "not_appealable"],
    ["at the top", { found: { ...result, route: { tier: "large" } } }, "demo", "r1", "no_stronger_tier"],
    ["off the ladder", { found: { ...result, route: { tier: "tiny" } } }, "demo", "r1", "no_stronger_tier"],
    ["against vectors", { found: { ...result, route: { tier: "vectors" } } }, "demo", "r1", "no_stronger_tier"],
    ["after retention", { read: async () => undefined }, "demo", "r1", "request_gone"],
    [
      "where another tenant's record stands now",
      { stored: { ...original, tenant: "x" } },
      "demo",
      "r1",
      "request_gone",
    ],
    ["where no request stands now", { stored: "nonsense" }, "demo", "r1", "request_gone"],
    [
      "of a row from before origins were kept",
      { find: async () => ({ result: JSON.stringify(result), origin: null }) },
      "demo",
      "r1",
      "request_gone",
    ],
  ] as const) {
    test(`${what} is ${code}`, async () => {
      const appeal = await appealOf(deps(more as never), tenant, id);
      assert.equal(appeal.kind === "refused" ? appeal.code : appeal.kind, code);
    });
  }

  test("is a valid request, however long the id and full the metadata", () => {
    const id = "a".repeat(200);
    const full = Object.fromEntries(Array.from({ length: 16 }, (_, at) => [`k${at}`, "v"]));
    const request = appealRequest({ ...original, metadata: full }, id, "large");
    requestSchema.parse(request);
    assert.deepEqual(request.metadata, full);
    assert.match(appealId(id), ID_PATTERN);
    assert.notEqual(appealId(id), appealId(`b${id.slice(1)}`));
    assert.equal(appealId("r1"), "r1.appeal");
  });
});

describe("the ladder", () => {
  test("is the default tier and the chat tiers after it, or what the settings say", () => {
    assert.deepEqual(ladderOf(settings, "chat"), ["small", "large"]);
    assert.deepEqual(ladderOf(settings, "embeddings"), ["vectors"]);
    const own = { ...settings, routing: { ...settings.routing, ladder: ["tiny", "large"] } };
    assert.deepEqual(ladderOf(own, "chat"), ["tiny", "large"]);
  });

  test("has above a tier the next one that is allowed", () => {
    const ladder = ["a", "b", "c"];
    assert.deepEqual(
      [tierAbove(ladder, "a"), tierAbove(ladder, "c"), tierAbove(ladder, "x"), tierAbove(ladder, "a", ["a", "c"])],
      ["b", undefined, undefined, "c"],
    );
  });
});
