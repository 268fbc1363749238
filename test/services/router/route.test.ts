/** Which tier, model and prompt a request goes to. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { routingSchema } from "../../../libs/shared/config/routing.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { factsOf } from "../../../libs/shared/routing/facts.ts";
import type { TierPolicy } from "../../../libs/shared/routing/policy.ts";
import { NO_ROLLOUTS, type RolloutSide, type Rollouts } from "../../../services/router/rollout/contract.ts";
import { chooseRoute, type RoutingQuestion, textToEmbed } from "../../../services/router/route.ts";
import { type RoutingTable, routingTable } from "../../../services/router/table.ts";

const file = join(import.meta.dirname, "../../../sluice.yaml");
const shipped = parseSettings(readFileSync(file, "utf8"), file);

const HARD = `Prove step by step that the algorithm below is correct, and derive its complexity.
1. First, state the invariant. 2. Then compare it with at least two others, without using recursion.
\`\`\`
function f(n) { return n <= 1 ? 1 : n * f(n - 1); }
\`\`\``;

const head = (more: Partial<AdmittedHead> = {}): AdmittedHead => ({
  id: "r1",
  tenant: "demo",
  content_hash: "",
  kind: "chat",
  lane: "interactive",
  timing: {},
  ...more,
});

function tableOf(routing: object = {}, policies: Record<string, TierPolicy> = {}): RoutingTable {
  const chat = { kind: "chat" as const, prompt: undefined, prompts: {} };
  const tiers = {
    small: { ...chat, models: ["small-1", "small-2"], prompts: { v1: "Be short.", v2: "Be brief." }, prompt: "v1" },
    large: { ...chat, models: ["large-1"] },
    embedding: { ...chat, kind: "embeddings" as const, models: ["embed-1"] },
    legal: { ...chat, models: ["legal-1"] },
  };
  const given = { default_tier: "small", embeddings_tier: "embedding", ladder: ["small", "large"], ...routing };
  const more = { policies: new Map(Object.entries(policies)), embedding_model: "mini" };
  return routingTable({ tiers, routing: routingSchema.parse(given) } as never, more);
}

type Asked = Partial<Omit<RoutingQuestion, "head">> & {
  readonly head?: Partial<AdmittedHead>;
  readonly prompt?: string;
  readonly body?: Record<string, unknown>;
};

function question({ prompt = "hi", head: more, body: given, ...rest }: Asked = {}): RoutingQuestion {
  const body = { messages: [{ role: "user", content: prompt }], ...given };
  const read = { facts: factsOf(body), body, request_bytes: 100, vector: undefined };
  return { head: head(more), ...read, rollouts: NO_ROLLOUTS, sticky: "s", ...rest };
}

function routeOf(asked: Asked, table: RoutingTable) {
  const routing = chooseRoute(question(asked), table);
  assert.ok(routing.kind === "routed", JSON.stringify(routing));
  assert.ok(routing.route.reason.length > 0);
  return routing.route;
}

/** "tier by". */
function decided(asked: Asked, table: RoutingTable): string {
  const { tier, decision } = routeOf(asked, table);
  return `${tier} by ${decision?.by}`;
}

describe("a route of the shipped settings", () => {
  const table = routingTable(shipped);
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
      const route = routeOf({ head: asked }, table);
      assert.deepEqual([route.tier, route.model, route.cache, route.attempts], [tier, model, "miss", 0]);
    });
  }

  test("goes to the stronger tier for work", () => {
    assert.equal(decided({ prompt: HARD }, table), "large by complexity");
    assert.equal(decided({ prompt: "What is the capital of France?" }, table), "small by complexity");
  });

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
      const routing = chooseRoute(question({ head: asked }), table);
      assert.ok(routing.kind === "refused");
      assert.deepEqual([routing.error.code, routing.error.param], ["model_unknown", param]);
    });
  }
});

describe("the choice", () => {
  const rules = [
    { name: "law", when: { prompt_matches: "(?i)contract" }, tier: "legal" },
    { name: "tools", when: { features: ["tools"] }, tier: "large" },
  ];

  test("is the first that says anything: asked, plan, rules, complexity, default", () => {
    const table = tableOf({ rules });
    assert.equal(decided({ head: { tier: "small" }, prompt: "a contract" }, table), "small by asked");
    assert.equal(decided({ prompt: "A Contract" }, table), "legal by rule");
    assert.equal(decided({ prompt: HARD }, table), "large by complexity");
    assert.equal(decided({}, tableOf({ complexity: { method: "none" } })), "small by default");
    assert.equal(decided({ head: { tiers: ["large"], tiers_by: "plan" } }, table), "large by plan");
  });

  test("keeps to the tiers that ingest allows, rules included", () => {
    const table = tableOf({ rules });
    const tiers = ["small", "large"];
    assert.equal(decided({ head: { tiers }, prompt: "my contract" }, table), "small by complexity");
    assert.equal(decided({ head: { tiers: ["small"] }, prompt: HARD }, table), "small by default");
    assert.equal(decided({ head: { tiers: ["small"], tiers_by: "budget" }, prompt: HARD }, table), "small by budget");
    assert.equal(decided({ head: { tiers: ["gone"] }, prompt: HARD }, table), "small by plan");
  });

  test("of a run for a comparison is the tier that it is for, whatever is rolled out", () => {
    const side: RolloutSide = { name: "r", side: "new", percent: 50 };
    const rollouts: Rollouts = { ...NO_ROLLOUTS, model: () => ({ value: "small-2", side }) };
    const shadow = { kind: "tier", name: "s", tenant: "demo", id: "r0" } as const;
    const route = routeOf({ head: { tier: "small", shadow }, rollouts }, tableOf());
    assert.deepEqual([route.model, route.decision?.by, route.decision?.rollout], ["small-1", "shadow", undefined]);
  });

  test("of what is too long to be looked into goes by its length", () => {
    const unread = { facts: undefined, body: undefined, request_bytes: 3_000_000 };
    const asked = { ...question(), ...unread };
    const routing = chooseRoute(asked, tableOf({ rules }));
    assert.ok(routing.kind === "routed");
    assert.equal(routing.route.tier, "large");
    const long = tableOf({ rules: [{ name: "long", when: { chars_min: 1_000_000 }, tier: "legal" }] });
    const by_rule = chooseRoute(asked, long);
    assert.equal(by_rule.kind === "routed" && by_rule.route.tier, "legal");
  });

  test("of a ladder of three rises with the score", () => {
    const table = tableOf({ ladder: ["small", "legal", "large"], complexity: { threshold: 0.1 } });
    const tiers = ["hi", "Explain why the sky is blue, and compare it with Mars.", `${HARD}\n${HARD}`].map(
      (prompt) => routeOf({ prompt }, table).tier,
    );
    assert.deepEqual(tiers, ["small", "legal", "large"]);
  });

  test("tells what it was made from", () => {
    const { decision, reason } = routeOf({ prompt: HARD }, tableOf());
    assert.equal(decision?.detail, "heuristic");
    assert.ok((decision?.features?.["code"] ?? 0) > 0);
    assert.deepEqual(
      decision?.candidates?.map(({ tier }) => tier),
      ["small", "large"],
    );
    assert.ok((decision?.score ?? 0) >= (decision?.threshold ?? 1));
    assert.match(reason, /complexity/);
  });
});

describe("rules", () => {
  const holds = (when: object, asked: Asked): boolean => {
    const table = tableOf({ complexity: { method: "none" }, rules: [{ name: "r", when, tier: "legal" }] });
    return routeOf(asked, table).tier === "legal";
  };
  const system = {
    messages: [
      { role: "system", content: "You are a lawyer" },
      { role: "user", content: "hi" },
    ],
  };
  const cases: readonly (readonly [when: object, yes: Asked, no: Asked])[] = [
    [{ tenants: ["acme"] }, { head: { tenant: "acme" } }, {}],
    [{ lane: "batch" }, { head: { lane: "batch" } }, {}],
    [{ features: ["stream"] }, { body: { stream: true } }, { body: { stream: false } }],
    [{ metadata: { team: "x" } }, { head: { metadata: { team: "x", more: "y" } } }, { head: { metadata: {} } }],
    [{ chars_min: 5 }, { prompt: "12345" }, { prompt: "1234" }],
    [{ chars_max: 5 }, { prompt: "12345" }, { prompt: "123456" }],
    [{ turns_min: 2 }, { body: { messages: Array(3).fill({ role: "user", content: "a" }) } }, {}],
    [{ system_matches: "lawyer" }, { body: system }, {}],
    [{ prompt_matches: "^a+$" }, { prompt: "aaa" }, { prompt: "aab" }],
    [{ prompt_matches: "a", lane: "batch" }, { prompt: "a", head: { lane: "batch" } }, { prompt: "a" }],
  ];
  for (const [when, yes, no] of cases) {
    test(`of ${Object.keys(when).join(" and ")}`, () => {
      assert.equal(holds(when, yes), true);
      assert.equal(holds(when, no), false);
    });
  }

  test("do not look for a name that every object has", () => {
    assert.equal(holds({ metadata: { constructor: "x" } }, { head: { metadata: {} } }), false);
  });
});

describe("a fitted policy", () => {
  const policy = (score: number): TierPolicy => ({
    ...{ weak: "small", strong: "large", threshold: 0.7, embedding_model: "mini", dimensions: 2 },
    judge: (_, vector) => (vector.length === 2 ? { gain: score / 10, score } : undefined),
  });
  const vector = new Float32Array(2);
  const trained = { complexity: { method: "trained", policy_file: "p.json" } };

  test("decides by its own threshold, or the one that is set", () => {
    assert.equal(routeOf({ vector }, tableOf(trained, { "p.json": policy(0.71) })).tier, "large");
    assert.equal(routeOf({ vector, prompt: HARD }, tableOf(trained, { "p.json": policy(0.69) })).tier, "small");
    const set = { complexity: { ...trained.complexity, threshold: 0.5 } };
    assert.equal(routeOf({ vector }, tableOf(set, { "p.json": policy(0.69) })).tier, "large");
  });

  test("gives way to the heuristic where it cannot be asked, and the reason says so", () => {
    const table = tableOf(trained, { "p.json": policy(1) });
    for (const [asked, why] of [
      [{}, /no embedding/],
      [{ vector: new Float32Array(3) }, /3 dimensions/],
    ] as const) {
      const { tier, reason, decision } = routeOf(asked, table);
      assert.deepEqual([tier, decision?.detail], ["small", "heuristic"]);
      assert.match(reason, why);
    }
    assert.match(routeOf({ vector }, tableOf(trained)).reason, /not loaded/);
    const other = { ...policy(1), embedding_model: "maxi" };
    assert.match(routeOf({ vector }, tableOf(trained, { "p.json": other })).reason, /maxi/);
  });

  test("asks for an embedding only where it will be looked at", () => {
    const rules = [{ name: "law", when: { prompt_matches: "contract" }, tier: "legal" }];
    const table = tableOf({ ...trained, rules }, { "p.json": policy(1) });
    assert.equal(textToEmbed(question({ prompt: "why?" }), table), "why?");
    assert.equal(textToEmbed(question({ prompt: "a contract" }), table), undefined);
    assert.equal(textToEmbed(question({ head: { tier: "small" } }), table), undefined);
    assert.equal(textToEmbed(question({ head: { tiers: ["small"] } }), table), undefined);
    assert.equal(textToEmbed(question(), tableOf({ rules })), undefined);
  });

  test("is rolled out", () => {
    const side = (which: "new" | "old"): RolloutSide => ({ name: "p", side: which, percent: 25 });
    const table = tableOf({}, { "p.json": policy(0.9) });
    const rollouts = { ...NO_ROLLOUTS, policy: () => ({ value: "p.json", side: side("new") }) };
    const route = routeOf({ vector, rollouts }, table);
    assert.deepEqual([route.tier, route.decision?.rollout], ["large", side("new")]);
    const old = { ...NO_ROLLOUTS, policy: () => ({ value: undefined, side: side("old") }) };
    const before = routeOf({ vector, rollouts: old }, table);
    assert.deepEqual([before.tier, before.decision?.rollout], ["small", side("old")]);
  });
});

describe("rollouts", () => {
  const side: RolloutSide = { name: "next", side: "new", percent: 10 };

  test("change the tier's model and prompt", () => {
    const rollouts: Rollouts = { ...NO_ROLLOUTS, model: () => ({ value: "small-2", side }) };
    const route = routeOf({ rollouts }, tableOf());
    assert.deepEqual([route.model, route.prompt_version, route.decision?.rollout], ["small-2", "v1", side]);
    assert.match(route.reason, /rollout next at 10 %: new/);
    const prompts: Rollouts = { ...NO_ROLLOUTS, prompt: () => ({ value: "v2", side }) };
    assert.equal(routeOf({ rollouts: prompts }, tableOf()).prompt_version, "v2");
  });

  test("leave a model that is asked for by name, and what the settings do not have", () => {
    const rollouts: Rollouts = { ...NO_ROLLOUTS, model: () => ({ value: "small-2", side }) };
    assert.equal(routeOf({ rollouts, head: { model: "small-1" } }, tableOf()).model, "small-1");
    const gone: Rollouts = { ...NO_ROLLOUTS, model: () => ({ value: "gone", side }) };
    assert.equal(routeOf({ rollouts: gone }, tableOf()).model, "small-1");
  });
});
