/** Where a replay's calls go, as its specification says. Pure. */
import type { Settings } from "../../../libs/shared/config/schema.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { ResultError, Route } from "../../../libs/shared/events/fields.ts";
import type { ReplaySpec } from "../../../libs/shared/replay/replay.ts";

export type Target =
  /** The tier and model that the original had. */
  | { readonly kind: "recorded" }
  /** One for all. */
  | { readonly kind: "named"; readonly tier: string; readonly model: string }
  /** As the settings route it. */
  | { readonly kind: "routed" };

type Tiers = Pick<Settings, "tiers">;

/** @throws SluiceError `usage` for a tier or model that is not there, and for a shadow of nothing. */
export function targetOf(
  { mode, tier, model, settings }: Pick<ReplaySpec, "mode" | "tier" | "model" | "settings">,
  { tiers }: Tiers,
): Target {
  if (mode === "recompute") return { kind: "recorded" };
  if (tier === undefined && model === undefined) {
    if (settings !== undefined) return { kind: "routed" };
    throw new SluiceError("usage", "a shadow needs a tier, a model, or a settings file that it is to be run with");
  }
  const owner = tier ?? Object.keys(tiers).find((name) => model !== undefined && tiers[name]?.models.includes(model));
  const own = owner !== undefined && Object.hasOwn(tiers, owner) ? tiers[owner] : undefined;
  if (owner === undefined || own === undefined) {
    const what = tier === undefined ? `model "${model}"` : `tier "${tier}"`;
    throw new SluiceError("usage", `there is no ${what}`, { fix: `Known are ${known(tiers)}.` });
  }
  if (model !== undefined && !own.models.includes(model)) {
    const fix = `It has ${own.models.join(", ")}.`;
    throw new SluiceError("usage", `tier "${owner}" has no model "${model}"`, { fix });
  }
  return { kind: "named", tier: owner, model: model ?? own.models[0] ?? owner };
}

/** Of a request that goes to a tier whatever it asks for. */
export function namedRoute({ tier, model }: Extract<Target, { kind: "named" }>, { tiers }: Tiers): Route {
  const prompt = tiers[tier]?.prompt;
  const version = prompt === undefined ? {} : { prompt_version: prompt };
  const reason = `the replay asks for ${tier}`;
  return { tier, model, reason, cache: "bypass", attempts: 0, ...version, decision: { by: "shadow" } };
}

/** @returns undefined where the original was answered from the cache, or was never routed. */
export function recordedRoute(original: Route | undefined): Route | undefined {
  if (original === undefined || (original.cache !== "miss" && original.cache !== "bypass")) return undefined;
  const { tier, model, prompt_version, decision } = original;
  return {
    ...{ tier, model, reason: `as recorded: ${original.reason}`, cache: "bypass", attempts: 0 },
    ...(prompt_version === undefined ? {} : { prompt_version }),
    ...(decision === undefined ? {} : { decision }),
  };
}

/** Whether the settings can serve it. */
export function routeProblem(
  { tier, model }: Pick<Route, "tier" | "model">,
  kind: "chat" | "embeddings",
  { tiers }: Tiers,
): ResultError | undefined {
  const own = Object.hasOwn(tiers, tier) ? tiers[tier] : undefined;
  const refused = (message: string): ResultError => ({
    ...{ code: "model_unknown", type: "invalid_request_error", message },
    param: own === undefined ? "tier" : "body.model",
  });
  if (own === undefined) return refused(`there is no tier "${tier}"; known are ${known(tiers)}`);
  if (own.kind !== kind) return refused(`tier "${tier}" serves ${own.kind} and the body is a ${kind} request`);
  if (!own.models.includes(model))
    return refused(`tier "${tier}" has no model "${model}"; it has ${own.models.join(", ")}`);
  return undefined;
}

function known(tiers: Tiers["tiers"]): string {
  return Object.entries(tiers)
    .map(([tier, { models }]) => `${tier} (${models.join(", ")})`)
    .join(", ");
}
