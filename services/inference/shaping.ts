/** What a call has beside the request's own body: the tier's prompt, and log-probabilities where they decide on escalation. */
import type { Settings, TierSettings } from "../../libs/shared/config/schema.ts";
import type { JobHead } from "../../libs/shared/events/flow.ts";
import { ladderOf, tierAbove } from "../../libs/shared/routing/ladder.ts";

export type HopSettings = Pick<Settings, "routing" | "prices"> & {
  readonly tiers: Readonly<Record<string, TierOfHop>>;
  readonly topics: Pick<Settings["topics"], "record_bytes_max">;
};

type TierOfHop = Pick<TierSettings, "kind" | "models" | "prompts" | "prompt">;

export type Shaping = {
  /** Put before the messages. */
  readonly system?: string;
  /** Ask for log-probabilities, though the caller did not. */
  readonly logprobs: boolean;
  /** What the model takes at the most: a bound that ingest made for several models may be more. */
  readonly output_tokens_max?: number;
};

export const NO_SHAPING: Shaping = { logprobs: false };

/** The prompt in force: the job's version, else the settings' active one; undefined where there is none. Pure. */
export function promptOf(
  tier: Pick<TierSettings, "prompts" | "prompt"> | undefined,
  version: string | undefined,
): { readonly version: string; readonly text: string } | undefined {
  for (const name of [version, tier?.prompt]) {
    const text =
      name !== undefined && tier !== undefined && Object.hasOwn(tier.prompts, name) ? tier.prompts[name] : undefined;
    if (name !== undefined && text !== undefined) return { version: name, text };
  }
  return undefined;
}

/** A chat request whose tier we chose: only those go to another one. A comparison is to show what one tier says. Pure. */
export function isOurs({ kind, route, tier, model, shadow }: JobHead): boolean {
  if (kind !== "chat" || shadow !== undefined) return false;
  const by = route.decision?.by;
  if (by !== undefined) return by !== "asked" && by !== "shadow";
  return tier === undefined && (model === undefined || model === "auto");
}

/** The tier that the job would go to, within what it was admitted for and `routing.escalation.hops_max`. Pure. */
export function nextTier({ routing, tiers }: Pick<HopSettings, "routing" | "tiers">, job: JobHead): string | undefined {
  const first = job.first?.tier ?? job.route.tier;
  const ladder = ladderOf({ routing, tiers }, job.kind).filter(
    (name) => name === first || name === job.route.tier || job.tiers?.includes(name) !== false,
  );
  const next = tierAbove(ladder, job.route.tier);
  if (next === undefined) return undefined;
  return ladder.indexOf(next) - ladder.indexOf(first) <= routing.escalation.hops_max ? next : undefined;
}

/** Whether log-probabilities are asked for only to see how sure the answer is: the caller does not get them. Pure. */
export function addsLogprobs(
  settings: Pick<HopSettings, "routing" | "tiers">,
  job: JobHead,
  body: Readonly<Record<string, unknown>>,
): boolean {
  const { enabled, on } = settings.routing.escalation;
  if (!enabled || !on.includes("low_confidence") || !isOurs(job)) return false;
  return body["stream"] !== true && body["logprobs"] !== true && nextTier(settings, job) !== undefined;
}

/** The shaping of each call, with what has been learnt of the models. */
export class Shaper {
  readonly #settings: Pick<HopSettings, "routing" | "tiers" | "prices">;
  /** Models that refuse requests with log-probabilities: no more of them than the settings name. */
  readonly #without_logprobs = new Set<string>();

  constructor(settings: Pick<HopSettings, "routing" | "tiers" | "prices">) {
    this.#settings = settings;
  }

  of(job: JobHead, model: string, body: Readonly<Record<string, unknown>>): Shaping {
    const system = promptOf(this.#settings.tiers[job.route.tier], job.route.prompt_version)?.text;
    const { models } = this.#settings.prices;
    const price = Object.hasOwn(models, model) ? models[model] : undefined;
    const wanted = job.draft?.judge === true || addsLogprobs(this.#settings, job, body);
    return {
      logprobs: wanted && !this.#without_logprobs.has(model),
      ...(system === undefined || job.kind !== "chat" ? {} : { system }),
      ...(price === undefined ? {} : { output_tokens_max: price.output_tokens_max }),
    };
  }

  /** It took a request without that it had refused with them. */
  refusesLogprobs(model: string): void {
    this.#without_logprobs.add(model);
  }
}
