/** Money is exact: whole nano-dollars, rounded once, up. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cost_nusd, nusd, priceOf, usdOf } from "../../../libs/shared/money.ts";

const MINI = priceOf({ input_usd_per_mtok: 0.4, cached_input_usd_per_mtok: 0.1, output_usd_per_mtok: 1.6 });
const tokens = fc.nat({ max: 10_000_000 });
const price = fc
  .tuple(...Array.from({ length: 3 }, () => fc.nat({ max: 200_000_000_000 })))
  .map(([input = 0, cached = 0, output = 0]) => ({
    input_nusd_per_mtok: input,
    cached_input_nusd_per_mtok: cached,
    output_nusd_per_mtok: output,
  }));

describe("money", () => {
  test("a known bill", () => {
    const counts = { prompt_tokens: 1_000, cached_prompt_tokens: 200, completion_tokens: 500 };
    // 800 × $0.40/M + 200 × $0.10/M + 500 × $1.60/M = $0.00114
    assert.equal(cost_nusd(counts, MINI), 1_140_000);
    assert.equal(usdOf(1_140_000), 0.00114);
  });

  test("a fraction of a nano-dollar counts as one, once", () => {
    const cheap = { input_nusd_per_mtok: 1, cached_input_nusd_per_mtok: 1, output_nusd_per_mtok: 1 };
    const one = { prompt_tokens: 1, cached_prompt_tokens: 0, completion_tokens: 1 };
    assert.equal(cost_nusd(one, cheap), 1);
    assert.equal(cost_nusd({ prompt_tokens: 0, cached_prompt_tokens: 0, completion_tokens: 0 }, MINI), 0);
  });

  test("without a price for cached input, it costs what input costs", () => {
    assert.equal(priceOf({ input_usd_per_mtok: 2, output_usd_per_mtok: 8 }).cached_input_nusd_per_mtok, 2_000_000_000);
  });

  test("more cached tokens than tokens: no cost below that of the cached", () => {
    const odd = { prompt_tokens: 10, cached_prompt_tokens: 1_000, completion_tokens: 0 };
    assert.equal(cost_nusd(odd, MINI), cost_nusd({ ...odd, cached_prompt_tokens: 10 }, MINI));
  });

  test("never negative, and never less for more tokens", () => {
    fc.assert(
      fc.property(tokens, tokens, tokens, price, (prompt_tokens, cached, completion_tokens, at) => {
        const counts = { prompt_tokens, cached_prompt_tokens: Math.min(cached, prompt_tokens), completion_tokens };
        const cost = cost_nusd(counts, at);
        assert.ok(Number.isSafeInteger(cost) && cost >= 0);
        assert.ok(cost_nusd({ ...counts, completion_tokens: completion_tokens + 1 }, at) >= cost);
        assert.ok(cost_nusd({ ...counts, prompt_tokens: prompt_tokens + 1 }, at) >= cost);
      }),
    );
  });

  test("two bills are at most one nano-dollar more than one bill of both", () => {
    fc.assert(
      fc.property(tokens, tokens, price, (first, second, at) => {
        const bill = (prompt_tokens: number) =>
          cost_nusd({ prompt_tokens, cached_prompt_tokens: 0, completion_tokens: 0 }, at);
        const apart = bill(first) + bill(second);
        assert.ok(apart >= bill(first + second) && apart <= bill(first + second) + 1);
      }),
    );
  });

  test("an amount survives the wire, where it is dollars in JSON", () => {
    // $1,000,000 in one bill: far beyond any, and still exact in a double.
    fc.assert(
      fc.property(fc.nat({ max: 1_000_000_000_000_000 }), (amount) => {
        assert.equal(nusd(JSON.parse(JSON.stringify(usdOf(amount))) as number), amount);
      }),
    );
  });
});
