/** What may answer a request now: part of its entry's names, so that another model or prompt finds nothing of the one before. Pure. */
import type { Settings } from "../config/schema.ts";
import { type AskedTier, AUTO, choosable } from "../routing/choice.ts";
import type { LadderSettings } from "../routing/ladder.ts";

export type AnsweringSettings = LadderSettings & {
  readonly tiers: Readonly<Record<string, Pick<Settings["tiers"][string], "kind" | "models">>>;
};

/** What rollouts change of a tier for the one who asks. */
export type TierSide = { readonly model?: string | undefined; readonly prompt?: string | undefined };

/** A tier and what it answers with. */
export type Answering = { readonly tier: string; readonly model: string; readonly prompt?: string };

/**
 * The asked tier or model; of a request that leaves it to us, every tier that may be chosen, whatever the plan allows of them.
 * @returns none for a tier or model that is not there: such a request is refused.
 */
export function answering(
  asked: AskedTier,
  settings: AnsweringSettings,
  sideOf: (tier: string) => TierSide = () => ({}),
): Answering[] {
  const { tiers, routing } = settings;
  const name = asked.tier ?? (asked.model === AUTO ? undefined : asked.model);
  const known = (tier: string): boolean => Object.hasOwn(tiers, tier);
  const withPrompt = (tier: string, model: string): Answering => {
    const { prompt } = sideOf(tier);
    return { tier, model, ...(prompt === undefined ? {} : { prompt }) };
  };
  const ofTier = (tier: string): Answering[] => {
    const model = sideOf(tier).model ?? tiers[tier]?.models[0];
    return known(tier) && model !== undefined ? [withPrompt(tier, model)] : [];
  };
  if (name === undefined) {
    return (asked.kind === "embeddings" ? [routing.embeddings_tier] : choosable(settings)).flatMap(ofTier);
  }
  if (known(name)) return ofTier(name);
  const owner = Object.keys(tiers).find((tier) => asked.tier === undefined && tiers[tier]?.models.includes(name));
  return owner === undefined ? [] : [withPrompt(owner, name)];
}

/** As `entryNames` takes them. No tier's name holds a slash. */
export function answeringNames(all: readonly Answering[]): string[] {
  return all.map(({ tier, model, prompt }) => `${tier}/${model}${prompt === undefined ? "" : `#${prompt}`}`);
}
