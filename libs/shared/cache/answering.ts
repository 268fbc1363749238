/** What may answer a request now: part of its entry's names, so that another model or prompt finds nothing of the one before. Pure. */
import { contentHash } from "../canonical.ts";
import type { Settings } from "../config/schema.ts";
import { type AskedTier, AUTO, choosable } from "../routing/choice.ts";
import type { LadderSettings } from "../routing/ladder.ts";

type Tier = Pick<Settings["tiers"][string], "kind" | "models"> &
  Partial<Pick<Settings["tiers"][string], "prompts" | "prompt">>;

export type AnsweringSettings = LadderSettings & { readonly tiers: Readonly<Record<string, Tier>> };

/** What rollouts change of a tier for the one who asks: its first model, its prompt by version. */
export type TierSide = { readonly model?: string | undefined; readonly prompt?: string | undefined };

/** A tier and what it answers with. */
export type Answering = {
  readonly tier: string;
  readonly model: string;
  /** The prompt's fingerprint: its text may change under the same version. */
  readonly prompt?: string;
};

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
  const inTier = (tier: string, model?: string): Answering[] => {
    const own = Object.hasOwn(tiers, tier) ? tiers[tier] : undefined;
    return own === undefined ? [] : answeringIn(tier, own, sideOf(tier), model);
  };
  if (name === undefined) {
    const of_kind = asked.kind === "embeddings" ? [routing.embeddings_tier] : choosable(settings);
    return of_kind.flatMap((tier) => inTier(tier));
  }
  if (asked.tier !== undefined || Object.hasOwn(tiers, name)) return inTier(name);
  const owner = Object.keys(tiers).find((tier) => tiers[tier]?.models.includes(name));
  return owner === undefined ? [] : inTier(owner, name);
}

/** As `entryNames` takes them. No tier's name holds a slash. */
export function answeringNames(all: readonly Answering[]): string[] {
  return all.map(({ tier, model, prompt }) => `${tier}/${model}${prompt === undefined ? "" : `#${prompt}`}`);
}

/** What a rollout names counts only where the settings still have it, as in routing. */
function answeringIn(tier: string, own: Tier, side: TierSide, asked: string | undefined): Answering[] {
  const rolled_out = side.model !== undefined && own.models.includes(side.model) ? side.model : undefined;
  const model = asked ?? rolled_out ?? own.models[0];
  const prompt = own.kind === "chat" ? promptOf(own, side.prompt) : undefined;
  return model === undefined ? [] : [{ tier, model, ...(prompt === undefined ? {} : { prompt }) }];
}

function promptOf({ prompts = {}, prompt }: Tier, rolled_out: string | undefined): string | undefined {
  const version = rolled_out !== undefined && Object.hasOwn(prompts, rolled_out) ? rolled_out : prompt;
  return version === undefined ? undefined : fingerprintOf(prompts, version);
}

/** Of the settings' prompts, made once for each: they may be long. */
const fingerprints = new WeakMap<object, Map<string, string>>();

function fingerprintOf(prompts: Readonly<Record<string, string>>, version: string): string {
  const known = fingerprints.get(prompts) ?? new Map<string, string>();
  const fingerprint = known.get(version) ?? contentHash([version, prompts[version] ?? null]);
  fingerprints.set(prompts, known.set(version, fingerprint));
  return fingerprint;
}
