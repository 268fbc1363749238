/** What a request may cost at the most, and on which terms it is admitted. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type ResolvedPlan, resolvePlan } from "../../../libs/shared/budgets/plan.ts";
import { parseSettings } from "../../../libs/shared/config/parse.ts";
import { planSchema } from "../../../libs/shared/config/plans.ts";
import { loadEncodings } from "../../../libs/shared/estimate/encodings.ts";
import { estimate } from "../../../libs/shared/estimate/estimate.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import { cost_nusd, priceOf } from "../../../libs/shared/money.ts";
import { type Terms, termsOf } from "../../../services/ingest/terms.ts";

const read = parseSettings(readFileSync(new URL("../../../sluice.yaml", import.meta.url), "utf8"), "sluice.yaml");
/** Nothing looks at requests: the default tier alone. */
const shipped = routed({ complexity: { method: "none" } });

function routed(routing: Partial<typeof read.routing>, more: Partial<typeof read> = {}): typeof read {
  return { ...read, ...more, routing: { ...read.routing, ...routing } };
}
const encodings = await loadEncodings(shipped.prices.models);
const NOW_MS = Date.UTC(2026, 10, 21, 12);
const HI = { messages: [{ role: "user", content: "hi" }] };

const headOf = (rest: Partial<AdmittedHead> = {}): AdmittedHead => ({
  id: "r",
  tenant: "acme",
  content_hash: "h",
  kind: "chat",
  lane: "interactive",
  timing: {},
  ...rest,
});
const planOf = (plan: object): ResolvedPlan => {
  const resolved = resolvePlan({ plans: { p: planSchema.parse(plan) }, tenants: { acme: { plan: "p" } } }, "acme");
  assert.ok(resolved);
  return resolved;
};
const bound = (
  body: object,
  head: Partial<AdmittedHead> = {},
  plan: { max_output_tokens?: number } = {},
  limits = {},
) => {
  const found = estimate({ head: headOf(head), body: body as never, limits, plan, settings: shipped, encodings });
  assert.ok(found.kind === "estimated");
  return found;
};
const terms = (
  body: object,
  plan: object,
  rest: { head?: Partial<AdmittedHead>; limits?: object; settings?: typeof shipped } = {},
): Terms =>
  termsOf({ body: body as never, limits: rest.limits }, headOf(rest.head), planOf(plan), {
    now_ms: NOW_MS,
    settings: rest.settings ?? shipped,
    encodings,
  });
const error = (given: Terms) => (given.kind === "refused" ? given.error : assert.fail("not refused"));
const granted = (given: Terms) => (given.kind === "terms" ? given : assert.fail(JSON.stringify(given)));

describe("an estimate", () => {
  test("goes to the tier that the router takes", () => {
    const tierOf = (...asked: Parameters<typeof bound>) => bound(...asked).tiers.join();
    assert.equal(tierOf(HI), "small");
    assert.equal(tierOf(HI, { model: "auto" }), "small");
    assert.equal(tierOf(HI, { model: "gpt-4.1" }), "large");
    assert.equal(tierOf(HI, { tier: "large", model: "gpt-4.1-mini" }), "large");
    assert.equal(tierOf({ input: "hi" }, { kind: "embeddings" }), "embedding");
    for (const model of ["nothing", "constructor", "embedding"]) assert.equal(tierOf(HI, { model }), "small");
    assert.equal(tierOf(HI, { tier: "gpt-4.1" }), "small");
  });

  test("has the smallest bound of the output, for each answer", () => {
    assert.equal(bound(HI).output_tokens_max, 16_384);
    assert.equal(bound({ ...HI, max_tokens: 50 }).output_tokens_max, 50);
    assert.equal(bound({ ...HI, max_tokens: 50, max_completion_tokens: 70 }).output_tokens_max, 70);
    assert.equal(bound({ ...HI, max_tokens: 1e12 }).output_tokens_max, 16_384);
    assert.equal(bound({ ...HI, max_tokens: 50 }, {}, { max_output_tokens: 40 }).output_tokens_max, 40);
    assert.equal(bound({ ...HI, max_tokens: 50 }, {}, {}, { max_output_tokens: 30 }).output_tokens_max, 30);
    const three = bound({ ...HI, n: 3, max_tokens: 10 });
    assert.equal(three.tokens, three.prompt_tokens + 30);
    assert.equal(bound({ input: "hi" }, { kind: "embeddings" }).output_tokens_max, 0);
  });

  test("takes the dearest model of the tier, at the full price", () => {
    const models = {
      ...shipped.prices.models,
      cheap: { ...shipped.prices.models["gpt-4.1-mini"], input_usd_per_mtok: 0 },
    };
    const small = { ...shipped.tiers["small"], models: ["cheap", "gpt-4.1-mini"] };
    const settings = {
      ...shipped,
      prices: { version: "1", models },
      tiers: { ...shipped.tiers, small },
    } as typeof shipped;
    const found = estimate({ head: headOf({ lane: "batch" }), body: HI, plan: {}, settings, encodings });
    assert.ok(found.kind === "estimated");
    assert.equal(found.reserved_nusd, bound(HI).reserved_nusd);
    assert.deepEqual(found.models, ["cheap", "gpt-4.1-mini"]);
  });

  test("is never less than what any usage within its bounds costs", () => {
    const price = priceOf(shipped.prices.models["gpt-4.1-mini"] ?? assert.fail());
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.lorem(),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 9_999 }),
        part,
        part,
        part,
        (content, n, max, a, b, c) => {
          const found = bound({ messages: [{ role: "user", content }], n, max_completion_tokens: max });
          const prompt_tokens = Math.floor(found.prompt_tokens * a);
          const counts = {
            prompt_tokens,
            cached_prompt_tokens: Math.floor(prompt_tokens * b),
            completion_tokens: Math.floor(n * max * c),
          };
          assert.ok(cost_nusd(counts, price) <= found.reserved_nusd);
        },
      ),
      { seed: 5 },
    );
  });
});

describe("terms", () => {
  test("of a tenant without limits leave the output as it is", () => {
    const given = granted(terms(HI, {}));
    assert.equal(given.max_output_tokens, undefined);
    assert.equal(given.needs.expires_ms, NOW_MS + shipped.admission.reservation_ttl_hours * 3_600_000);
    assert.equal(granted(terms(HI, { max_output_tokens: 9 })).max_output_tokens, 9);
    assert.ok(given.needs.reserved_nusd > 0);
  });

  test("of one with any cap, or a limit of tokens, bound the output", () => {
    const caps = [
      { budgets: { tenant_month_usd: 1 } },
      { velocity: { usd: 1 } },
      { budgets: { request_usd: 1 } },
      { limits: { user: { tokens_per_minute: 10 } } },
    ];
    const head = { user: "u", session: "s", deadline_ms: NOW_MS + 1e9 };
    for (const plan of caps) assert.equal(granted(terms(HI, plan, { head })).max_output_tokens, 16_384);
    assert.equal(granted(terms(HI, {}, { limits: { max_cost_usd: 1 } })).max_output_tokens, 16_384);
    const { needs } = granted(terms(HI, { budgets: { session_usd: 1 }, limits: { in_flight_max: 2 } }, { head }));
    assert.deepEqual(
      [needs.caps_nusd, needs.user, needs.session, needs.in_flight_max],
      [{ session: 1e9 }, "u", "s", 2],
    );
    assert.equal(needs.expires_ms, NOW_MS + 1e9);
  });

  test("a request beyond its cap is refused, with what it needed and the cap, and never shrunk", () => {
    const own = error(terms(HI, { budgets: { request_usd: 1 } }, { limits: { max_cost_usd: 0.001 } }));
    assert.equal(own.code, "budget_exceeded");
    assert.match(
      own.message,
      /scope request: may cost \$0\.0262\d+, and its cap is \$0\.001 \(its own limits\.max_cost_usd\)/,
    );
    assert.match(error(terms(HI, { budgets: { request_usd: 0.002 } })).message, /\$0\.002 \(request_usd of plan p\)/);
    const exact = bound(HI).reserved_nusd / 1e9;
    assert.equal(terms(HI, { budgets: { request_usd: exact } }).kind, "terms");
    assert.equal(terms(HI, { budgets: { request_usd: exact - 1e-9 } }).kind, "refused");
    assert.equal(terms(HI, {}, { limits: { max_cost_usd: 1e300 } }).kind, "terms");
  });

  test("what the plan leaves out is refused", () => {
    const plan = { features: ["chat"], tiers: ["small"] };
    const image = [{ role: "user", content: [{ type: "image_url", image_url: { url: "https://x" } }] }];
    const uses: readonly (readonly [object, string])[] = [
      [{ ...HI, tools: [{}] }, "tools"],
      [{ messages: image }, "images"],
      [{ ...HI, stream: true }, "stream"],
      [{ ...HI, response_format: { type: "json_object" } }, "structured_output"],
    ];
    for (const [body, feature] of uses) {
      assert.equal(error(terms(body, plan)).code, "feature_not_allowed");
      assert.match(error(terms(body, plan)).message, new RegExp(`does not allow ${feature};`));
    }
    assert.equal(error(terms({ input: "x" }, plan, { head: { kind: "embeddings" } })).code, "feature_not_allowed");
    assert.equal(terms({ ...HI, tools: [], stream: false, response_format: { type: "text" } }, plan).kind, "terms");
    const tier = error(terms(HI, plan, { head: { model: "gpt-4.1" } }));
    assert.deepEqual([tier.code, tier.param], ["tier_not_allowed", "body.model"]);
    assert.equal(error(terms(HI, { tiers: ["embedding"] })).code, "tier_not_allowed");
  });

  test("a model without a price is refused where money is counted, unless that is allowed", () => {
    const unpriced = { ...shipped, prices: { version: "1", models: {} } };
    const budgets = { tenant_day_usd: 1 };
    assert.equal(error(terms(HI, { budgets }, { settings: unpriced })).code, "price_unknown");
    assert.equal(granted(terms(HI, {}, { settings: unpriced })).needs.reserved_nusd, 0);
    const allowing = { ...unpriced, admission: { ...shipped.admission, unknown_price: "allow" as const } };
    assert.equal(granted(terms(HI, { budgets }, { settings: allowing })).needs.reserved_nusd, 0);
  });
});

describe("a request that leaves its tier to us", () => {
  const heuristic = routed({ complexity: { method: "heuristic" } });
  const chained = routed({ escalation: { ...read.routing.escalation, enabled: true } });
  const drafted = routed({ strategy: "draft_and_verify" });
  const alone = (tier: string, settings = heuristic) => reservedOf(settings, { tier });
  const reservedOf = (settings: typeof read, head: Partial<AdmittedHead> = {}) =>
    granted(terms(HI, {}, { settings, head })).needs.reserved_nusd;

  test("is held by the dearest tier that may be chosen", () => {
    assert.equal(reservedOf(heuristic), alone("large"));
    assert.equal(reservedOf(shipped), alone("small"));
    const rule = { name: "r", when: {}, tier: "large" };
    assert.equal(reservedOf(routed({ complexity: { method: "none" }, rules: [rule] })), alone("large"));
    const given = granted(terms(HI, {}, { settings: heuristic }));
    assert.deepEqual(
      [given.tiers, given.tiers_by, given.needs.lower_nusd],
      [["small", "large"], undefined, alone("small")],
    );
  });

  test("is held by all tiers that it may climb through, and by a judgement where drafts are judged", () => {
    assert.equal(reservedOf(chained), alone("small") + alone("large"));
    assert.ok(reservedOf(drafted) > alone("small") + alone("large"));
  });

  test("counts the longest of the tier's prompts", () => {
    const small = { ...read.tiers["small"], prompts: { v1: "Be short.", v2: "Be very short indeed. ".repeat(50) } };
    const settings = { ...shipped, tiers: { ...read.tiers, small } } as typeof read;
    const more = (bounded: typeof read) => granted(terms(HI, {}, { settings: bounded })).needs.tokens;
    assert.ok(more(settings) - more(shipped) >= 250);
  });

  test("keeps to the plan's tiers, and is refused only where none is left", () => {
    const large = granted(terms(HI, { tiers: ["large"] }, { settings: heuristic }));
    assert.deepEqual([large.tiers, large.tiers_by, large.needs.lower_nusd], [["large"], "plan", undefined]);
    assert.equal(large.needs.reserved_nusd, alone("large"));
    const fixed = granted(terms(HI, { tiers: ["large"] }));
    assert.deepEqual([fixed.tiers, fixed.tiers_by], [["large"], "plan"]);
    assert.equal(error(terms(HI, { tiers: ["embedding"] }, { settings: heuristic })).code, "tier_not_allowed");
  });

  test("is lowered by a cap on the request before it is refused", () => {
    const usd = (nusd: number) => ({ limits: { max_cost_usd: nusd / 1e9 } });
    const lowered = granted(terms(HI, {}, { settings: heuristic, ...usd(alone("small")) }));
    assert.deepEqual(
      [lowered.tiers, lowered.tiers_by, lowered.needs.reserved_nusd, lowered.needs.lower_nusd],
      [["small"], "budget", alone("small"), undefined],
    );
    const refused = error(terms(HI, {}, { settings: heuristic, ...usd(alone("small") - 1) }));
    assert.equal(refused.code, "budget_exceeded");
    const named = { settings: heuristic, head: { tier: "large" }, ...usd(alone("small")) };
    assert.equal(error(terms(HI, {}, named)).code, "budget_exceeded");
  });

  test("whose weakest tier has no price is held by those that have one", () => {
    const { "gpt-4.1-mini": _, ...models } = read.prices.models;
    const allowing = { ...read.admission, unknown_price: "allow" as const };
    const settings = { ...heuristic, prices: { version: "1", models }, admission: allowing };
    const { needs } = granted(terms(HI, { budgets: { tenant_day_usd: 1 } }, { settings }));
    assert.deepEqual([needs.reserved_nusd, needs.lower_nusd], [alone("large"), 0]);
  });
});
