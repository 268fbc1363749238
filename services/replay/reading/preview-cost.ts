/** What the calls of a replay would cost: as the recorded ones did, at the prices that hold now, and at the most. Pure. */
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Encodings } from "../../../libs/shared/estimate/encodings.ts";
import { estimate } from "../../../libs/shared/estimate/estimate.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import { bodyKind, type Request } from "../../../libs/shared/events/request.ts";
import { cost_nusd } from "../../../libs/shared/money.ts";
import { priceList } from "../../../libs/shared/prices.ts";
import { AUTO } from "../../../libs/shared/routing/choice.ts";
import type { Recorded } from "../contract.ts";

/** Where the calls go: as recorded, to one tier or model, or wherever the settings lead. */
export type Target = {
  readonly mode: "recompute" | "shadow";
  /** Of `shadow` with other settings: those. */
  readonly settings: Pick<Settings, "tiers" | "routing" | "prices" | "admission">;
  readonly encodings: Encodings;
  readonly tier?: string | undefined;
  readonly model?: string | undefined;
};

export type CallCost = { readonly expected_nusd: number; readonly most_nusd: number };

type Asked = { readonly tier?: string | undefined; readonly model?: string | undefined };
type Call = {
  readonly asked: Asked;
  readonly kind: "chat" | "embeddings";
  readonly body: Record<string, unknown>;
  readonly request: Request;
};

export type CostOf = (recorded: Recorded) => CallCost | undefined;

/** @returns of a record: undefined where nothing can be called for it. */
export function callCosts(target: Target): CostOf {
  const { settings } = target;
  const prices = priceList(settings.prices, "allow");
  return (recorded) => {
    const call = callOf(target, recorded);
    if (call === undefined) return undefined;
    const most_nusd = mostOf(target, call);
    const usage = recorded.original?.usage;
    // What was never answered has no counts.
    if (usage === undefined || usage.prompt_tokens + usage.completion_tokens === 0) {
      return { expected_nusd: most_nusd, most_nusd };
    }
    const model = modelOf(settings, call, recorded);
    const expected_nusd = cost_nusd(usage, prices.priceOf(model ?? "", false));
    return { expected_nusd, most_nusd: Math.max(most_nusd, expected_nusd) };
  };
}

function callOf(target: Target, { request, original }: Recorded): Call | undefined {
  const json = request === undefined ? undefined : parseJson(request);
  if (typeof json !== "object" || json === null || !("body" in json)) return undefined;
  const asked_for = json as Request;
  const body = asked_for.body as Record<string, unknown>;
  if (typeof body !== "object" || body === null) return undefined;
  const kind = bodyKind(body);
  if (kind === undefined) return undefined;
  const { tier, model } = target;
  const call = { kind, body, request: asked_for };
  if (target.mode === "recompute") {
    const route = original?.route;
    return route === undefined ? undefined : { ...call, asked: { tier: route.tier, model: route.model } };
  }
  if (tier !== undefined || model !== undefined) return { ...call, asked: { tier, model } };
  const own = typeof body["model"] === "string" ? body["model"] : undefined;
  return { ...call, asked: { tier: asked_for.tier, model: own } };
}

/** The dearest way that admission would hold money for. */
function mostOf({ settings, encodings }: Target, { asked, kind, body, request }: Call): number {
  const { tier, model } = asked;
  const lane = request.lane ?? "interactive";
  const head = { kind, lane, ...(tier === undefined ? {} : { tier }), ...(model === undefined ? {} : { model }) };
  const found = estimate({ head, body, limits: request.limits, plan: {}, settings, encodings });
  return found.kind === "estimated" ? found.reserved_nusd : 0;
}

/** The model whose price counts: the one asked for, the tier's first, or the recorded one where the choice is open. */
function modelOf(
  { tiers, routing }: Target["settings"],
  { asked, kind }: Call,
  recorded: Recorded,
): string | undefined {
  const firstOf = (tier: string | undefined): string | undefined =>
    tier !== undefined && Object.hasOwn(tiers, tier) ? tiers[tier]?.models[0] : undefined;
  const isServed = (model: string): boolean => Object.values(tiers).some(({ models }) => models.includes(model));
  const { tier, model } = asked;
  if (model !== undefined && model !== AUTO && isServed(model)) return model;
  const route = recorded.original?.route;
  const by_default = kind === "embeddings" ? routing.embeddings_tier : routing.default_tier;
  return firstOf(tier) ?? firstOf(model) ?? firstOf(route?.tier) ?? firstOf(by_default);
}
