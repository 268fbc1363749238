/** What a request may cost at the most, before it is let through. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import type { Request } from "../../libs/shared/events/request.ts";
import { cost_nusd, priceOf } from "../../libs/shared/money.ts";
import type { Encodings, PriceSettings } from "./encodings.ts";
import { promptTokensMax } from "./tokens.ts";

export type EstimateInput = {
  readonly head: Pick<AdmittedHead, "kind" | "lane" | "tier" | "model">;
  readonly body: Readonly<Record<string, unknown>>;
  readonly limits?: Request["limits"];
  readonly plan: { readonly max_output_tokens?: number | undefined };
  readonly settings: Pick<Settings, "tiers" | "routing" | "prices">;
  readonly encodings: Encodings;
};

export type Estimated = {
  readonly kind: "estimated";
  readonly tier: string;
  /** Those that may serve it: the tier's, since each may stand in for another. */
  readonly models: readonly string[];
  /** Prompt and answers, of the model that counts most. */
  readonly tokens: number;
  readonly prompt_tokens: number;
  /** Of one answer, once it is written into the call; nought for embeddings. */
  readonly output_tokens_max: number;
  /** Of the dearest model, in whole nano-dollars. */
  readonly reserved_nusd: number;
  readonly price_version: string;
};

export type Estimate =
  | Estimated
  | {
      readonly kind: "price_unknown";
      readonly tier: string;
      readonly model: string;
    };

/**
 * The dearest of the models that may serve it, all prompt tokens uncached, every answer as long as it may be. A tier or model that is
 * not there counts as the default tier: the router refuses it and what was held is released.
 */
export function estimate({ head, body, limits, plan, settings, encodings }: EstimateInput): Estimate {
  const { version, models: prices } = settings.prices;
  const tier = servingTier(head, settings);
  const models = settings.tiers[tier]?.models ?? [];
  const priced: { readonly name: string; readonly price: PriceSettings }[] = [];
  for (const name of models) {
    const price = Object.hasOwn(prices, name) ? prices[name] : undefined;
    if (price === undefined) return { kind: "price_unknown", tier, model: name };
    priced.push({ name, price });
  }
  const output_tokens_max =
    head.kind === "embeddings"
      ? 0
      : smallest(
          askedOutput(body),
          limits?.max_output_tokens,
          plan.max_output_tokens,
          Math.max(...priced.map(({ price }) => price.output_tokens_max)),
        );
  const completion_tokens = output_tokens_max * answersOf(body);
  const each = priced.map(({ name, price }) => {
    const prompt_tokens = promptTokensMax(head.kind, body, { name, price }, encodings);
    const counts = { prompt_tokens, cached_prompt_tokens: 0, completion_tokens };
    return { prompt_tokens, reserved_nusd: cost_nusd(counts, dearest(price, head.lane)) };
  });
  const prompt_tokens = Math.max(...each.map((one) => one.prompt_tokens));
  return {
    kind: "estimated",
    tier,
    models,
    tokens: prompt_tokens + completion_tokens,
    prompt_tokens,
    output_tokens_max,
    reserved_nusd: Math.max(...each.map((one) => one.reserved_nusd)),
    price_version: version,
  };
}

/** The tier that the router takes: what is asked for by name, else the default of its kind. */
function servingTier(
  { kind, tier, model }: EstimateInput["head"],
  { tiers, routing }: Pick<Settings, "tiers" | "routing">,
): string {
  const fallback = kind === "embeddings" ? routing.embeddings_tier : routing.default_tier;
  const asked = tier ?? (model === "auto" ? undefined : model);
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
