/** Money in whole nano-dollars (nusd): sums are exact, and a token of the cheapest model is still a whole number. Pure. */

/** Prices in nano-dollars per million tokens: a dollar price with up to 9 decimals is a whole number. */
export type Price = {
  readonly input_nusd_per_mtok: number;
  readonly cached_input_nusd_per_mtok: number;
  readonly output_nusd_per_mtok: number;
};

export type TokenCounts = {
  readonly prompt_tokens: number;
  /** The part of `prompt_tokens` that the provider had in its prefix cache. */
  readonly cached_prompt_tokens: number;
  readonly completion_tokens: number;
};

const NUSD_PER_USD = 1_000_000_000;
const TOKENS_PER_MTOK = 1_000_000n;

export function priceOf(setting: {
  readonly input_usd_per_mtok: number;
  readonly cached_input_usd_per_mtok?: number | undefined;
  readonly output_usd_per_mtok: number;
}): Price {
  return {
    input_nusd_per_mtok: nusd(setting.input_usd_per_mtok),
    cached_input_nusd_per_mtok: nusd(setting.cached_input_usd_per_mtok ?? setting.input_usd_per_mtok),
    output_nusd_per_mtok: nusd(setting.output_usd_per_mtok),
  };
}

/** What the counts cost, rounded up to a whole nano-dollar once, at the end. */
export function cost_nusd(counts: TokenCounts, price: Price): number {
  const cached = BigInt(Math.min(counts.cached_prompt_tokens, counts.prompt_tokens));
  const fresh = BigInt(counts.prompt_tokens) - cached;
  const total =
    fresh * BigInt(price.input_nusd_per_mtok) +
    cached * BigInt(price.cached_input_nusd_per_mtok) +
    BigInt(counts.completion_tokens) * BigInt(price.output_nusd_per_mtok);
  return Number((total + TOKENS_PER_MTOK - 1n) / TOKENS_PER_MTOK);
}

/** Dollars for the wire, where a number is read by people and spreadsheets. */
export function usdOf(amount_nusd: number): number {
  return amount_nusd / NUSD_PER_USD;
}

/** Back from the wire; exact for what `usdOf` wrote. */
export function nusd(amount_usd: number): number {
  return Math.round(amount_usd * NUSD_PER_USD);
}

/** For people: `$1.50`, `$0.000000024`; every digit that is not nought, and two at least. */
export function dollars(amount_nusd: number): string {
  const whole = Math.floor(Math.abs(amount_nusd) / NUSD_PER_USD);
  const part = String(Math.abs(amount_nusd) % NUSD_PER_USD).padStart(9, "0");
  return `${amount_nusd < 0 ? "-" : ""}$${whole}.${part.replace(/0{1,7}$/, "")}`;
}
