/** What another hop may cost, so that all hops together stay within what is held for the request (I4). Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Usage } from "../../libs/shared/events/fields.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import { cost_nusd, nusd, priceOf, usdOf } from "../../libs/shared/money.ts";
import { JUDGE_OUTPUT_TOKENS, JUDGE_TOKENS_FIXED, JUDGE_TOKENS_PER_MESSAGE } from "./judge.ts";
import { type HopSettings, promptOf } from "./shaping.ts";

type Fields = Readonly<Record<string, unknown>>;
type PriceSettings = Settings["prices"]["models"][string];

/** A call that the request has had: the provider's counts for the same messages. */
export type KnownCall = { readonly model: string; readonly usage: Usage };

export type HopAsk = {
  readonly settings: HopSettings;
  readonly job: JobHead;
  /** The request's own body. */
  readonly body: Fields;
  readonly tier: string;
  readonly known: KnownCall;
};

/** An upper bound of the tier's own answer, by the dearest of its models. */
export function answerBound_nusd(ask: HopAsk): number {
  const { settings, job, body, tier } = ask;
  const system = promptOf(settings.tiers[tier], undefined)?.text ?? "";
  const bytes = Buffer.byteLength(JSON.stringify(body)) + Buffer.byteLength(system);
  const choices = typeof body["n"] === "number" ? body["n"] : 1;
  return dearest(ask, (price) => ({
    // A token has a byte at the least.
    prompt_tokens: hasTokenizerOf(ask, price)
      ? ask.known.usage.prompt_tokens + Buffer.byteLength(system)
      : tokensMax(bytes, price) + ask.known.usage.prompt_tokens,
    completion_tokens: choices * outputMax(body, job.max_output_tokens, price),
  }));
}

/** The same of the tier's judgement on a draft: it reads the messages and the draft. */
export function judgeBound_nusd(ask: HopAsk, draft: Buffer): number {
  const { body, known } = ask;
  const messages = Array.isArray(body["messages"]) ? body["messages"].length : 0;
  const fixed = JUDGE_TOKENS_FIXED + JUDGE_TOKENS_PER_MESSAGE * messages;
  const bytes = Buffer.byteLength(JSON.stringify(body)) + draft.length;
  const { prompt_tokens, completion_tokens } = known.usage;
  return dearest(ask, (price) => ({
    prompt_tokens: fixed + (hasTokenizerOf(ask, price) ? prompt_tokens + completion_tokens : tokensMax(bytes, price)),
    completion_tokens: JUDGE_OUTPUT_TOKENS,
  }));
}

/** What the tier's first model would cost for as many tokens as the known call took. */
export function expected_nusd({ settings, tier, known }: HopAsk): number {
  const price = priceIn(settings, settings.tiers[tier]?.models[0] ?? "");
  if (price === undefined) return 0;
  const { prompt_tokens, completion_tokens } = known.usage;
  return cost_nusd({ prompt_tokens, cached_prompt_tokens: 0, completion_tokens }, priceOf(price));
}

/** Whether what was spent and the next call's bound stay within what is held; where nothing is held, nothing is counted. */
export function isHeld({ reservation }: JobHead, spent: Usage, bound_nusd: number): boolean {
  return reservation === undefined || nusd(spent.cost_usd) + bound_nusd <= reservation.reserved_nusd;
}

/** Of several hops. Prices of several models: only the sum is told. */
export function sumOf(before: Usage | undefined, usage: Usage): Usage {
  if (before === undefined) return usage;
  const { batched, ...counted } = usage;
  return {
    ...counted,
    prompt_tokens: before.prompt_tokens + usage.prompt_tokens,
    cached_prompt_tokens: before.cached_prompt_tokens + usage.cached_prompt_tokens,
    completion_tokens: before.completion_tokens + usage.completion_tokens,
    cost_usd: usdOf(nusd(before.cost_usd) + nusd(usage.cost_usd)),
    estimated: before.estimated || usage.estimated,
    ...(before.batched === true && batched === true ? { batched } : {}),
  };
}

type Tokens = { readonly prompt_tokens: number; readonly completion_tokens: number };

function dearest({ settings, job, tier }: HopAsk, tokensOf: (price: PriceSettings) => Tokens): number {
  const costs = (settings.tiers[tier]?.models ?? []).map((model) => {
    const price = priceIn(settings, model);
    if (price === undefined) return 0;
    const counts = { ...tokensOf(price), cached_prompt_tokens: 0 };
    return cost_nusd(counts, highest(price, job.lane));
  });
  return Math.max(0, ...costs);
}

/** Without a price a model counts as free, where the settings allow that. */
function priceIn({ prices }: HopSettings, model: string): PriceSettings | undefined {
  return Object.hasOwn(prices.models, model) ? prices.models[model] : undefined;
}

/** A batch may be called at once, at the full price; either may be the dearer one. */
function highest(price: PriceSettings, lane: JobHead["lane"]): ReturnType<typeof priceOf> {
  const batched = lane === "batch" ? price : undefined;
  return priceOf({
    input_usd_per_mtok: Math.max(
      price.input_usd_per_mtok,
      price.cached_input_usd_per_mtok ?? 0,
      batched?.batch_input_usd_per_mtok ?? 0,
    ),
    output_usd_per_mtok: Math.max(price.output_usd_per_mtok, batched?.batch_output_usd_per_mtok ?? 0),
  });
}

/** The known call's count holds for models that count alike. */
function hasTokenizerOf({ settings, known }: HopAsk, { encoding }: PriceSettings): boolean {
  return !known.usage.estimated && encoding !== "bytes" && priceIn(settings, known.model)?.encoding === encoding;
}

function tokensMax(bytes: number, { encoding, bytes_per_token }: PriceSettings): number {
  return Math.ceil(bytes / (encoding === "bytes" ? bytes_per_token : 1));
}

function outputMax(body: Fields, max_output_tokens: number | undefined, price: PriceSettings): number {
  const asked = [body["max_completion_tokens"], body["max_tokens"]].filter((value) => typeof value === "number");
  const own = asked.length === 0 ? price.output_tokens_max : Math.max(...asked);
  return Math.min(own, max_output_tokens ?? own, price.output_tokens_max);
}
