/** What a request may cost at the most, before it is let through. Pure. */
import type { Settings } from "../config/schema.ts";
import type { AdmittedHead } from "../events/flow.ts";
import type { Request } from "../events/request.ts";
import { cost_nusd, priceOf } from "../money.ts";
import { AUTO, choosable, leavesChoice, waysThrough } from "../routing/choice.ts";
import { featuresOf } from "../routing/features.ts";
import { type Encodings, type PriceSettings, textCounter } from "./encodings.ts";
import { promptTokensMax } from "./tokens.ts";

export type EstimateInput = {
  readonly head: Pick<AdmittedHead, "kind" | "lane" | "tier" | "model">;
  readonly body: Readonly<Record<string, unknown>>;
  readonly limits?: Request["limits"];
  readonly plan: { readonly max_output_tokens?: number | undefined; readonly tiers?: readonly string[] | undefined };
  readonly settings: Pick<Settings, "tiers" | "routing" | "prices">;
  readonly encodings: Encodings;
};

export type Estimated = {
  readonly kind: "estimated";
  /** Those that may serve it, the weakest first: one, unless the choice is ours. */
  readonly tiers: readonly string[];
  /** Of these tiers, since each may stand in for another. */
  readonly models: readonly string[];
  /** Prompt and answers, of the model that counts most. */
  readonly tokens: number;
  readonly prompt_tokens: number;
  /** Of one answer, once it is written into the call; nought for embeddings. */
  readonly output_tokens_max: number;
  /** Of the dearest way through the tiers, in whole nano-dollars. */
  readonly reserved_nusd: number;
  /** Of the weakest tier alone, where there are others. */
  readonly weakest_nusd?: number;
  /** A model without a price: nothing is held for it. */
  readonly unpriced?: string;
  readonly price_version: string;
};

export type Estimate =
  | Estimated
  | {
      readonly kind: "price_unknown";
      readonly tiers: readonly string[];
      readonly model: string;
    }
  /** The choice is ours, and the plan allows no tier that could be chosen. */
  | { readonly kind: "no_tier" };

/** What the judge of a draft reads beside the messages and the draft, and writes: as `services/inference/judge.ts` asks. */
const JUDGE_TOKENS_FIXED = 512;
const JUDGE_TOKENS_PER_MESSAGE = 16;
const JUDGE_OUTPUT_TOKENS = 16;

/**
 * The dearest way that it may take through the tiers: of each tier the dearest model, all prompt tokens uncached, every answer as long as
 * it may be; of those that it climbs through, the sum. A tier or model that is not there counts as the default tier: the router refuses
 * it and what was held is released.
 */
export function estimate(input: EstimateInput): Estimate {
  const { head, plan, settings } = input;
  const ours = leavesChoice(head);
  const tiers = ours ? choosable(settings, plan.tiers) : [servingTier(head, settings)];
  if (tiers.length === 0) return { kind: "no_tier" };
  const priced = new Map<string, readonly PricedModel[]>();
  let unpriced: string | undefined;
  for (const tier of tiers) {
    const models = pricedModels(settings, tier);
    if (typeof models === "string") unpriced ??= models;
    else priced.set(tier, models);
  }
  if (priced.size === 0) return { kind: "price_unknown", tiers, model: unpriced ?? "" };
  const models = [...priced.values()].flat();
  const output_tokens_max = outputTokensMax(input, models);
  const bound = { output_tokens_max, completion_tokens: output_tokens_max * answersOf(input.body) };
  const count = promptCounter(input);
  const costs = new Map([...priced].map(([tier, of_tier]) => [tier, tierCost(input, tier, of_tier, bound, count)]));
  const ways = ours ? waysThrough(settings, tiers) : [tiers];
  const [weakest] = tiers as [string];
  const prompt_tokens = Math.max(...[...costs.values()].map((cost) => cost.prompt_tokens));
  return {
    kind: "estimated",
    tiers,
    models: models.map(({ name }) => name),
    tokens: prompt_tokens + bound.completion_tokens,
    prompt_tokens,
    output_tokens_max,
    reserved_nusd: Math.max(...ways.map((way) => wayCost(settings, way, costs))),
    ...(tiers.length > 1 ? { weakest_nusd: costs.get(weakest)?.answer_nusd ?? 0 } : {}),
    ...(unpriced === undefined ? {} : { unpriced }),
    price_version: settings.prices.version,
  };
}

type PricedModel = { readonly name: string; readonly price: PriceSettings };
type OutputBound = { readonly output_tokens_max: number; readonly completion_tokens: number };
type TierCost = {
  readonly prompt_tokens: number;
  readonly answer_nusd: number;
  /** Of a judgement on another tier's draft. */
  readonly judge_nusd: number;
};

/** @returns the name of the first model that has no price, where there is one. */
function pricedModels({ tiers, prices }: EstimateInput["settings"], tier: string): readonly PricedModel[] | string {
  const priced: PricedModel[] = [];
  for (const name of tiers[tier]?.models ?? []) {
    const price = Object.hasOwn(prices.models, name) ? prices.models[name] : undefined;
    if (price === undefined) return name;
    priced.push({ name, price });
  }
  return priced;
}

function outputTokensMax({ head, body, limits, plan }: EstimateInput, models: readonly PricedModel[]): number {
  if (head.kind === "embeddings") return 0;
  const of_models = Math.max(...models.map(({ price }) => price.output_tokens_max));
  return smallest(askedOutput(body), limits?.max_output_tokens, plan.max_output_tokens, of_models);
}

function tierCost(
  { head, body, settings, encodings }: EstimateInput,
  tier: string,
  models: readonly PricedModel[],
  { completion_tokens }: OutputBound,
  count: (model: PricedModel) => number,
): TierCost {
  const messages = Array.isArray(body["messages"]) ? body["messages"].length : 0;
  const of_models = models.map(({ name, price }) => {
    const own_tokens = count({ name, price });
    const system_tokens = head.kind === "chat" ? systemTokensMax(settings.tiers[tier]?.prompts, price, encodings) : 0;
    const prompt_tokens = own_tokens + system_tokens;
    const judged_tokens = own_tokens + completion_tokens + JUDGE_TOKENS_FIXED + JUDGE_TOKENS_PER_MESSAGE * messages;
    const cost = (prompt: number, completion: number): number =>
      cost_nusd(
        { prompt_tokens: prompt, cached_prompt_tokens: 0, completion_tokens: completion },
        dearest(price, head.lane),
      );
    return {
      prompt_tokens,
      answer_nusd: cost(prompt_tokens, completion_tokens),
      judge_nusd: cost(judged_tokens, JUDGE_OUTPUT_TOKENS),
    };
  });
  return {
    prompt_tokens: Math.max(...of_models.map((one) => one.prompt_tokens)),
    answer_nusd: Math.max(...of_models.map((one) => one.answer_nusd)),
    judge_nusd: Math.max(...of_models.map((one) => one.judge_nusd)),
  };
}

/** Models that count alike share a count; of images each has its own. */
function promptCounter({ head, body, encodings }: EstimateInput): (model: PricedModel) => number {
  const own = featuresOf(head.kind, body).includes("images");
  const known = new Map<string, number>();
  return ({ name, price }) => {
    const by = `${price.encoding} ${price.bytes_per_token} ${own ? name : ""}`;
    const tokens = known.get(by) ?? promptTokensMax(head.kind, body, { name, price }, encodings);
    known.set(by, tokens);
    return tokens;
  };
}

/** Tiers without a price cost nothing. */
function wayCost(
  { routing }: EstimateInput["settings"],
  way: readonly string[],
  costs: ReadonlyMap<string, TierCost>,
): number {
  const judges = routing.strategy === "draft_and_verify";
  return way.reduce((sum, tier, at) => {
    const cost = costs.get(tier);
    return sum + (cost?.answer_nusd ?? 0) + (judges && at > 0 ? (cost?.judge_nusd ?? 0) : 0);
  }, 0);
}

/** What a message costs beside its text. */
const MESSAGE_TOKENS = 5;
/** Counted once: the texts stand in the settings. By the prompts, then by how they are counted. */
const SYSTEM_TOKENS = new WeakMap<object, Map<string, number>>();

/** The longest of the tier's prompts: a rollout may put any of them before the messages. */
function systemTokensMax(
  prompts: Readonly<Record<string, string>> | undefined,
  price: PriceSettings,
  encodings: Encodings,
): number {
  const texts = Object.values(prompts ?? {});
  if (prompts === undefined || texts.length === 0) return 0;
  const known = SYSTEM_TOKENS.get(prompts) ?? new Map<string, number>();
  SYSTEM_TOKENS.set(prompts, known);
  const by = `${price.encoding} ${price.bytes_per_token}`;
  const counted = known.get(by) ?? MESSAGE_TOKENS + Math.max(...texts.map(textCounter(price, encodings)));
  known.set(by, counted);
  return counted;
}

/** The tier that the router takes: what is asked for by name, else the one of embeddings. */
function servingTier(
  { kind, tier, model }: EstimateInput["head"],
  { tiers, routing }: Pick<Settings, "tiers" | "routing">,
): string {
  const fallback = kind === "embeddings" ? routing.embeddings_tier : routing.default_tier;
  const asked = tier ?? (model === AUTO ? undefined : model);
  if (asked === undefined) return fallback;
  const owner = Object.hasOwn(tiers, asked)
    ? asked
    : Object.keys(tiers).find((name) => tier === undefined && tiers[name]?.models.includes(asked));
  return owner !== undefined && tiers[owner]?.kind === kind ? owner : fallback;
}

/** Of the two names of the field, the larger number: providers differ in which one they heed. */
function askedOutput(body: EstimateInput["body"]): number | undefined {
  const asked = [body["max_completion_tokens"], body["max_tokens"]].filter((value) => typeof value === "number");
  return asked.length === 0 ? undefined : Math.max(...asked);
}

function answersOf(body: EstimateInput["body"]): number {
  return typeof body["n"] === "number" ? body["n"] : 1;
}

function smallest(...bounds: readonly (number | undefined)[]): number {
  return Math.min(...bounds.filter((bound) => bound !== undefined));
}

/** A batch is called at once, at the full price, where the Batch API would take too long; either may be the dearer one. */
function dearest(price: PriceSettings, lane: AdmittedHead["lane"]): ReturnType<typeof priceOf> {
  const batched = lane === "batch" ? price : undefined;
  const input_usd_per_mtok = Math.max(price.input_usd_per_mtok, batched?.batch_input_usd_per_mtok ?? 0);
  return priceOf({
    // A part of the prompt may be cached: at a price that is lower, or it ought to be.
    input_usd_per_mtok: Math.max(input_usd_per_mtok, price.cached_input_usd_per_mtok ?? 0),
    output_usd_per_mtok: Math.max(price.output_usd_per_mtok, batched?.batch_output_usd_per_mtok ?? 0),
  });
}
