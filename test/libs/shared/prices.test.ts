/** The settings' prices: direct, cached, and through a Batch API. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { priceSchema } from "../../../libs/shared/config/inference.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import { priceList } from "../../../libs/shared/prices.ts";

const given = {
  plain: { input_usd_per_mtok: 2, output_usd_per_mtok: 8 },
  cached: { input_usd_per_mtok: 2, cached_input_usd_per_mtok: 1, output_usd_per_mtok: 8 },
  batched: {
    input_usd_per_mtok: 2,
    output_usd_per_mtok: 8,
    batch_input_usd_per_mtok: 1.5,
    batch_output_usd_per_mtok: 7,
  },
  free: { input_usd_per_mtok: 0, output_usd_per_mtok: 0 },
};
const models: Settings["prices"]["models"] = Object.fromEntries(
  Object.entries(given).map(([name, price]) => [name, priceSchema.parse(price)]),
);
const prices = priceList({ version: "2026-01", models }, "refuse");
const usd = (model: string, batched: boolean): number[] => {
  const price = prices.priceOf(model, batched);
  return [price.input_nusd_per_mtok, price.cached_input_nusd_per_mtok, price.output_nusd_per_mtok].map((n) => n / 1e9);
};

const rows: readonly (readonly [model: string, batched: boolean, expected: readonly number[]])[] = [
  ["plain", false, [2, 2, 8]],
  ["plain", true, [1, 1, 4]],
  ["cached", false, [2, 1, 8]],
  ["cached", true, [1, 0.5, 4]],
  ["batched", false, [2, 2, 8]],
  ["batched", true, [1.5, 1.5, 7]],
  ["free", true, [0, 0, 0]],
];
for (const [model, batched, expected] of rows) {
  test(`${model}${batched ? " in a batch" : ""}: input, cached input, output`, () => {
    assert.deepEqual(usd(model, batched), expected);
  });
}

test("a model without a price is a bug, not a gift", () => {
  assert.throws(() => prices.priceOf("other", false), /no price/);
  assert.equal(prices.version, "2026-01");
});

test("a model without a price is free where that is allowed, and a bug otherwise", () => {
  const allowed = priceList({ version: "2026-01", models }, "allow");
  const { input_nusd_per_mtok, output_nusd_per_mtok } = allowed.priceOf("unknown", false);
  assert.deepEqual([input_nusd_per_mtok, output_nusd_per_mtok], [0, 0]);
  assert.throws(() => prices.priceOf("unknown", false), SluiceError);
});
