/** What a call would come to: prices, the Batch API, chains, models of a tier. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nusd } from "../../../../libs/shared/money.ts";
import { costOf, type RecordedInput, recordedOf, settingsOf, whatIf } from "./fixture.ts";

const BATCH = { request: { lane: "batch" } };
const batching = settingsOf({ small: "{ models: [small-1], batch_api: { enabled: true } }" });
const costsOf = (head: { readonly usage?: { readonly cost_usd: number } | undefined } | undefined): number =>
  nusd(head?.usage?.cost_usd ?? 0);

describe("the Batch API", () => {
  test("takes the batch lane's requests at half the price, where the tier has it", async () => {
    const tokens = [1_000, 50] as const;
    const inputs: readonly RecordedInput[] = [
      { id: "a", tokens, ...BATCH },
      { id: "b", at_ms: 1, tokens },
      { id: "c", at_ms: 2, tokens, request: { lane: "batch", deadline: "2026-01-01T10:00:00Z" } },
    ];
    const { results } = await whatIf(inputs, { settings: batching, base: settingsOf() });
    assert.equal(costsOf(results.get("a")), costOf("small-1", tokens) / 2);
    assert.equal(results.get("a")?.usage?.batched, true);
    assert.equal(costsOf(results.get("b")), costOf("small-1", tokens));
    assert.equal(costsOf(results.get("c")), costOf("small-1", tokens));
  });

  test("leaves what was called directly all the same", async () => {
    const { results } = await whatIf([{ id: "a", ...BATCH }], { settings: batching });
    assert.equal(results.get("a")?.usage?.batched, undefined);
  });
});

describe("the model of a tier", () => {
  const two = settingsOf({ small: "{ models: [small-1, small-2] }", ...prices("small-2", 3, 4) });
  const input: RecordedInput = { id: "a", model: "small-2" };

  test("is the one that answered then, while the tier has the same models", async () => {
    const { results } = await whatIf([input], { settings: two });
    assert.equal(results.get("a")?.route?.model, "small-2");
  });

  test("is the tier's first one, once its models are others", async () => {
    const { results } = await whatIf([input], { settings: settingsOf(), base: two });
    assert.equal(results.get("a")?.route?.model, "small-1");
    assert.equal(costsOf(results.get("a")), costOf("small-1", [10, 5]));
  });
});

/** Another model's price. */
function prices(model: string, input: number, output: number): { readonly price: string } {
  return {
    price: `${model}: { input_usd_per_mtok: ${input}, output_usd_per_mtok: ${output}, output_tokens_max: 100 }`,
  };
}

describe("a chain of tiers", () => {
  const routing =
    "{ default_tier: small, embeddings_tier: embed, complexity: { method: none }, escalation: { enabled: true } }";

  test("is told by its ends at other prices, and marked", async () => {
    const recorded = recordedOf({
      id: "a",
      tier: "large",
      tokens: [100, 20],
      route: { escalated_from: "small", attempts: 2, decision: { by: "escalation" } },
    });
    const { outcome } = recorded;
    assert.ok(outcome?.head.usage !== undefined);
    // The draft of the first tier took another 90 and 10.
    const usage = { ...outcome.head.usage, prompt_tokens: 190, completion_tokens: 30, price_version: "0" };
    const items = new Map([
      [0, [{ offset: 0, recorded: { ...recorded, outcome: { ...outcome, head: { ...outcome.head, usage } } } }]],
    ]);
    const { results } = await whatIf([], { items, settings: settingsOf({ routing }) });
    assert.equal(costsOf(results.get("a")), costOf("large-1", [100, 20]) + costOf("small-1", [90, 10]));
    assert.equal(results.get("a")?.usage?.estimated, true);
  });
});

test("who cancelled a request would do so again", async () => {
  const error = { code: "cancelled", type: "api_error", message: "by its sender" };
  const large = settingsOf({
    routing: "{ default_tier: large, embeddings_tier: embed, complexity: { method: none } }",
  });
  const { results } = await whatIf([{ id: "a", status: "cancelled", error }], { settings: large });
  assert.equal(results.get("a")?.status, "cancelled");
});
