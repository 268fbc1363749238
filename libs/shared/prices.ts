/** Prices by model, in whole nano-dollars, from the settings. Pure. */
import type { Settings } from "./config/schema.ts";
import { SluiceError } from "./errors.ts";
import { type Price, priceOf } from "./money.ts";

export type PriceList = {
  readonly version: string;
  /** @param batched through the provider's Batch API. */
  readonly priceOf: (model: string, batched: boolean) => Price;
};

/** What a provider's Batch API costs where the settings do not say: half, as OpenAI's does. */
const BATCH_PART = 0.5;

const FREE = priceOf({ input_usd_per_mtok: 0, output_usd_per_mtok: 0 });

/**
 * The settings' check leaves no model without a price, unless `admission.unknown_price` allows it: then it counts as free. A job for
 * one otherwise would be a bug, and no reason to call it free.
 */
export function priceList(
  { version, models }: Settings["prices"],
  unknown: Settings["admission"]["unknown_price"],
): PriceList {
  const prices = new Map(
    Object.entries(models).map(([model, price]) => {
      const cached = price.cached_input_usd_per_mtok ?? price.input_usd_per_mtok;
      const batched = priceOf({
        input_usd_per_mtok: price.batch_input_usd_per_mtok ?? price.input_usd_per_mtok * BATCH_PART,
        cached_input_usd_per_mtok: Math.min(cached, price.batch_input_usd_per_mtok ?? cached * BATCH_PART),
        output_usd_per_mtok: price.batch_output_usd_per_mtok ?? price.output_usd_per_mtok * BATCH_PART,
      });
      return [model, { direct: priceOf(price), batched }];
    }),
  );
  return {
    version,
    priceOf(model, batched) {
      const price = prices.get(model);
      if (price === undefined && unknown === "allow") return FREE;
      if (price === undefined) throw new SluiceError("internal_error", `no price for model "${model}"`);
      return batched ? price.batched : price.direct;
    },
  };
}
