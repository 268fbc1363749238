/** The settings file: what is wrong in it is told by line, all at once, with the fix. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { parseSettings } from "../../../../libs/shared/config/parse.ts";
import { SluiceError } from "../../../../libs/shared/errors.ts";

const SHIPPED = readFileSync(new URL("../../../../sluice.yaml", import.meta.url), "utf8");

const SMALLEST = `tiers:
  small:
    models: [gpt-4.1-mini]
  embedding:
    kind: embeddings
    models: [text-embedding-3-small]
routing:
  default_tier: small
  embeddings_tier: embedding
prices:
  version: "1"
  models:
    gpt-4.1-mini: { input_usd_per_mtok: 0.4 }
    text-embedding-3-small: { input_usd_per_mtok: 0.02 }
`;

/** The smallest file with one text in it replaced. */
function changed(from: string, to: string): string {
  assert.ok(SMALLEST.includes(from), from);
  return SMALLEST.replace(from, to);
}

function problemsOf(text: string): string[] {
  try {
    parseSettings(text, "s.yaml");
    return [];
  } catch (error) {
    assert.ok(error instanceof SluiceError);
    assert.equal(error.code, "settings_invalid");
    assert.equal(error.fix, "Correct s.yaml and start again.");
    assert.equal(error.retryable, false);
    return error.message.split("\n");
  }
}

describe("settings", () => {
  test("the shipped file is right", () => assert.deepEqual(problemsOf(SHIPPED), []));

  test("everything that can have a default has one", () => {
    const settings = parseSettings(SMALLEST, "s.yaml");
    assert.equal(settings.topics.prefix, "llm.");
    assert.deepEqual(settings.topics.retry_delays, ["5s", "1m", "10m"]);
    assert.equal(settings.tiers["small"]?.kind, "chat");
    assert.equal(settings.tiers["small"]?.endpoint, "default");
    assert.equal(settings.endpoints["default"]?.base_url_env, "OPENAI_BASE_URL");
    assert.equal(settings.plans["default"]?.weight, 1);
    assert.deepEqual(settings.plans["default"]?.budgets, {});
    assert.equal(settings.admission.without_redis, "wait");
  });

  test("a model needs no price where that is allowed", () => {
    const text = `${changed("[gpt-4.1-mini]", "[gpt-4.1-mini, gpt-9]")}admission:\n  unknown_price: allow\n`;
    assert.deepEqual(parseSettings(text, "s.yaml").tiers["small"]?.models, ["gpt-4.1-mini", "gpt-9"]);
  });

  const cases: readonly (readonly [what: string, text: string, problem: RegExp])[] = [
    ["YAML that does not end", "tiers: [small", /^s\.yaml:1: /],
    ["the same key twice", `${SMALLEST}tiers: {}\n`, /^s\.yaml:15: Map keys must be unique/],
    ["a list", "- tiers\n", /^s\.yaml:1: /],
    ["nothing", "", /^s\.yaml:1: tiers: /],
    [
      "an unknown setting",
      changed("models: [gpt", "modles: [gpt"),
      /^s\.yaml:3: tiers\.small\.modles: unknown setting; remove it or correct its spelling$/m,
    ],
    ["another type", changed("[gpt-4.1-mini]", "[7]"), /^s\.yaml:3: tiers\.small\.models\.0: .*string/],
    [
      "an unknown kind",
      changed("kind: embeddings", "kind: images"),
      /^s\.yaml:5: tiers\.embedding\.kind: .*"chat"\|"embeddings"/,
    ],
    [
      "no such tier in a plan",
      `${SMALLEST}plans:\n  default:\n    tiers: [small, huge]\n`,
      /plans\.default\.tiers\.1: no such tier; known are small, embedding$/,
    ],
    [
      "no such tier in overrides",
      `${SMALLEST}tenants:\n  acme:\n    overrides: { tiers: [huge] }\n`,
      /tenants\.acme\.overrides\.tiers\.0: no such tier/,
    ],
    [
      "a tier that is not there",
      changed("default_tier: small", "default_tier: tiny"),
      /^s\.yaml:8: routing\.default_tier: no such tier; known are small, embedding$/,
    ],
    [
      "a tier of the wrong kind",
      changed("default_tier: small", "default_tier: embedding"),
      /^s\.yaml:8: .*must be a tier with kind: chat$/,
    ],
    [
      "embeddings at a chat tier",
      changed("embeddings_tier: embedding", "embeddings_tier: small"),
      /^s\.yaml:9: .*kind: embeddings$/,
    ],
    [
      "an endpoint that is not there",
      changed("    kind: embeddings\n", "    kind: embeddings\n    endpoint: far\n"),
      /^s\.yaml:6: tiers\.embedding\.endpoint: no such endpoint "far"$/,
    ],
    [
      "a model without a price",
      changed("[gpt-4.1-mini]", "[gpt-4.1-mini, gpt-9]"),
      /^s\.yaml:3: tiers\.small\.models\.1: "gpt-9" has no price; add it to prices\.models$/,
    ],
    [
      "a model of two tiers",
      changed("[text-embedding-3-small]", "[text-embedding-3-small, gpt-4.1-mini]"),
      /^s\.yaml:6: .*"gpt-4\.1-mini" already means tier small$/,
    ],
    [
      "a ladder with a tier that is no chat",
      changed("  default_tier: small\n", "  default_tier: small\n  ladder: [small, embedding]\n"),
      /routing\.ladder\.1: must be a tier with kind: chat$/,
    ],
    [
      "a ladder with a tier twice",
      changed("  default_tier: small\n", "  default_tier: small\n  ladder: [small, small]\n"),
      /routing\.ladder\.1: "small" stands here twice$/,
    ],
    [
      "a rule for a tier that is not there",
      changed("  default_tier: small\n", "  default_tier: small\n  rules: [{ name: r, when: {}, tier: huge }]\n"),
      /routing\.rules\.0\.tier: no such tier/,
    ],
    [
      "a pattern that is none of RE2",
      changed(
        "  default_tier: small\n",
        "  default_tier: small\n  rules: [{ name: r, when: { prompt_matches: '(?=a)' }, tier: small }]\n",
      ),
      /routing\.rules\.0\.when\.prompt_matches: is no regular expression of RE2/,
    ],
    [
      "a trained policy without its file",
      changed("  default_tier: small\n", "  default_tier: small\n  complexity: { method: trained }\n"),
      /routing\.complexity\.method: method: trained needs a policy_file/,
    ],
    [
      "a shadow of a tier that is not there",
      changed(
        "  default_tier: small\n",
        "  default_tier: small\n  shadows: { s: { to: huge, share: 0.1, budget_day_usd: 1 } }\n",
      ),
      /routing\.shadows\.s\.to: no such tier/,
    ],
    [
      "a prompt that is not there",
      changed("    kind: embeddings\n", "    kind: embeddings\n    prompt: a\n    prompts: { b: Be brief. }\n"),
      /^s\.yaml:6: tiers\.embedding\.prompt: no such prompt; known in tiers\.embedding\.prompts: b$/,
    ],
    [
      "a shadow of a tier that is not there",
      changed(
        "embeddings_tier: embedding",
        "embeddings_tier: embedding\n  shadows: { a: { to: huge, share: 1, budget_day_usd: 1 } }",
      ),
      /: routing\.shadows\.a\.to: no such tier; known are small, embedding$/,
    ],
    [
      "a shadow of embeddings",
      changed(
        "embeddings_tier: embedding",
        "embeddings_tier: embedding\n  shadows: { a: { from: [embedding], to: small, share: 1, budget_day_usd: 1 } }",
      ),
      /: routing\.shadows\.a\.from\.0: must be a tier with kind: chat$/,
    ],
    [
      "a tenant with a name of the pipeline's own",
      `${SMALLEST}tenants:\n  sluice.cache-check: { plan: default }\n`,
      /^s\.yaml:16: tenants\.sluice\.cache-check: is the pipeline's own name/,
    ],
    [
      "a negative price",
      changed("0.02", "-0.02"),
      /^s\.yaml:14: prices\.models\.text-embedding-3-small\.input_usd_per_mtok: /,
    ],
    [
      "a plan that is not there",
      `${SMALLEST}tenants:\n  acme: { plan: gold }\n`,
      /^s\.yaml:16: tenants\.acme\.plan: no such plan "gold"$/,
    ],
    [
      "a delay without a unit",
      `${SMALLEST}topics:\n  retry_delays: [5s, 10]\n`,
      /^s\.yaml:16: topics\.retry_delays\.1: /,
    ],
    [
      "a delay that is named twice",
      `${SMALLEST}topics:\n  retry_delays: [5s, 5s]\n`,
      /^s\.yaml:16: topics\.retry_delays: must not name a delay twice$/,
    ],
    [
      "a session that is too short",
      `${SMALLEST}consumption:\n  session_timeout_ms: 100\n`,
      /^s\.yaml:16: consumption\.session_timeout_ms: /,
    ],
    [
      "a tier with capitals",
      changed("  small:\n", "  Small:\n"),
      /must be lower-case letters, digits, - or _|Invalid key/,
    ],
  ];
  for (const [what, text, problem] of cases) {
    test(what, () => {
      const found = problemsOf(text);
      assert.ok(
        found.some((one) => problem.test(one)),
        found.join("\n") || "nothing was found",
      );
    });
  }

  test("all problems are told at once", () => {
    const text = changed("default_tier: small", "default_tier: tiny").replace("[gpt-4.1-mini]", "[gpt-9]");
    assert.equal(problemsOf(text).length, 2);
  });
});
