/** What a scenario will ask for and may cost at the settings' prices, before it is run. Pure. */
import type { Settings } from "../../libs/shared/config/schema.ts";
import { drawVisit } from "./draw.ts";
import { piecesOf, totalOf } from "./phases.ts";
import type { Scenario, Template } from "./scenario.ts";

export type Estimate = {
  readonly arrivals: number;
  /** With the turns of sessions. */
  readonly requests: number;
  readonly prompt_tokens: number;
  readonly output_tokens: number;
  /** Without what a cache may answer; undefined where a model has no price. */
  readonly cost_usd: number | undefined;
};

const DRAWN = 1_000;
/** Role and separators of a message. */
const MESSAGE_TOKENS = 3;

/** The mean of the first thousand arrivals, times all of them. */
export function estimateOf(scenario: Scenario, settings: Settings): Estimate {
  const arrivals = Math.round(totalOf(piecesOf(scenario.phases)));
  const sum = { requests: 0, prompt_tokens: 0, output_tokens: 0, cost_usd: 0 as number | undefined };
  for (let index = 0; index < DRAWN; index += 1) {
    const { template, turns } = drawVisit(scenario, "estimate", index);
    const price = settings.prices.models[modelOf(settings, template)];
    let history = 0;
    for (const { prompt_tokens, output_tokens } of turns) {
      const asked = history + prompt_tokens + MESSAGE_TOKENS;
      const said = template.kind === "embeddings" ? 0 : output_tokens;
      sum.requests += 1;
      sum.prompt_tokens += asked;
      sum.output_tokens += said;
      if (price === undefined) sum.cost_usd = undefined;
      else if (sum.cost_usd !== undefined) {
        sum.cost_usd += (asked * price.input_usd_per_mtok + said * (price.output_usd_per_mtok ?? 0)) / 1e6;
      }
      history = asked + said;
    }
  }
  const times = arrivals / DRAWN;
  return {
    arrivals,
    requests: Math.round(sum.requests * times),
    prompt_tokens: Math.round(sum.prompt_tokens * times),
    output_tokens: Math.round(sum.output_tokens * times),
    cost_usd: sum.cost_usd === undefined ? undefined : sum.cost_usd * times,
  };
}

/** Which model a template's requests go to at first: what it names, or the default tier's. */
function modelOf({ tiers, routing }: Settings, { tier, model, kind }: Template): string {
  if (model !== undefined && !Object.hasOwn(tiers, model)) return model;
  const open = kind === "embeddings" ? routing.embeddings_tier : routing.default_tier;
  return tiers[tier ?? model ?? open]?.models[0] ?? "";
}
