/** Counts as providers give them, and their price. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { priceOf } from "../../../libs/shared/money.ts";
import { priced, usageGiven } from "../../../services/inference/usage.ts";

describe("the counts of an answer", () => {
  const rows: readonly (readonly [usage: unknown, expected: readonly [number, number, number] | undefined])[] = [
    [{ prompt_tokens: 5, completion_tokens: 2 }, [5, 0, 2]],
    [{ prompt_tokens: 5, prompt_tokens_details: { cached_tokens: 4 } }, [5, 4, 0]],
    [{ prompt_tokens: 5, prompt_tokens_details: null, completion_tokens: null }, [5, 0, 0]],
    [{ prompt_tokens: 0 }, [0, 0, 0]],
    [{ prompt_tokens: 5, completion_tokens: -2 }, [5, 0, 0]],
    [{ completion_tokens: 2 }, undefined],
    [{ prompt_tokens: 1e300 }, undefined],
    [null, undefined],
    ["many", undefined],
  ];
  for (const [usage, expected] of rows) {
    test(JSON.stringify(usage), () => {
      const given = usageGiven({ usage });
      const counts = given && [given.prompt_tokens, given.cached_prompt_tokens, given.completion_tokens];
      assert.deepEqual(counts, expected);
    });
  }
});

test("cached tokens have their own price, and a batch its own list", () => {
  const direct = priceOf({ input_usd_per_mtok: 1, cached_input_usd_per_mtok: 0.5, output_usd_per_mtok: 2 });
  const batched = priceOf({ input_usd_per_mtok: 0.1, output_usd_per_mtok: 0.2 });
  const prices = { version: "v7", priceOf: (_model: string, batch: boolean) => (batch ? batched : direct) };
  const counts = { prompt_tokens: 100, cached_prompt_tokens: 60, completion_tokens: 10 };
  assert.deepEqual(priced(counts, false, { prices, model: "m", batched: false }), {
    ...counts,
    cost_usd: (40 * 1 + 60 * 0.5 + 10 * 2) / 1e6,
    price_version: "v7",
    estimated: false,
  });
  assert.equal(priced(counts, true, { prices, model: "m", batched: true }).cost_usd, (100 * 0.1 + 10 * 0.2) / 1e6);
});
