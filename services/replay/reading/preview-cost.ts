/** What the calls of a replay would cost: as the recorded ones did, at the prices that hold now, and at the most. Pure. */
import { resolvePlan } from "../../../libs/shared/budgets/plan.ts";
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Encodings } from "../../../libs/shared/estimate/encodings.ts";
import { estimate } from "../../../libs/shared/estimate/estimate.ts";
import type { Route, Usage } from "../../../libs/shared/events/fields.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import { bodyKind, type Request } from "../../../libs/shared/events/request.ts";
import { cost_nusd } from "../../../libs/shared/money.ts";
import { priceList } from "../../../libs/shared/prices.ts";
import { AUTO } from "../../../libs/shared/routing/choice.ts";
import { boundOf } from "../calling/bound.ts";
import { namedRoute, recordedRoute, routeProblem, type Target, targetOf } from "../calling/target.ts";
import type { Recorded } from "../contract.ts";

/** Where the calls go: as recorded, to one tier or model, or wherever the settings lead. */
export type CallPlan = {
  readonly mode: "recompute" | "shadow";
  /** What is called: those that are deployed, or the replay's own. */
  readonly settings: Settings;
  readonly encodings: Encodings;
  readonly tier?: string | undefined;
  readonly model?: string | undefined;
};

export type CallCost = { readonly expected_nusd: number; readonly most_nusd: number };

/** Of a record; `refused`: it would not be called; undefined: its request is not there any more. */
export type CostOf = (recorded: Recorded) => CallCost | "refused" | undefined;

/** @throws `usage` for a tier or model that the settings do not have. */
export function callCosts(plan: CallPlan): CostOf {
  const { settings } = plan;
  const prices = priceList(settings.prices, "allow");
  const target = whereTo(plan);
  return (recorded) => {
    const call = callOf(plan, target, recorded);
    if (call === undefined || call === "refused") return call;
    const most_nusd = mostOf(plan, call);
    const usage = tokensOf(recorded);
    // What was never answered has no counts.
    if (usage === undefined) return { expected_nusd: most_nusd, most_nusd };
    const expected_nusd = cost_nusd(usage, prices.priceOf(modelOf(settings, call, recorded), false));
    return { expected_nusd, most_nusd: Math.max(most_nusd, expected_nusd) };
  };
}

type Tokens = Pick<Usage, "prompt_tokens" | "cached_prompt_tokens" | "completion_tokens">;

/** Of the call that was paid for; of an answer out of the cache, which cost nothing, of the call that it once was. */
function tokensOf({ original }: Recorded): Tokens | undefined {
  const paid = original?.usage;
  if (paid !== undefined && paid.prompt_tokens + paid.completion_tokens > 0) return paid;
  const said = original?.response?.["usage"];
  if (!isObject(said)) return undefined;
  const [prompt_tokens, completion_tokens] = [countIn(said, "prompt_tokens"), countIn(said, "completion_tokens")];
  if (prompt_tokens + completion_tokens === 0) return undefined;
  return { prompt_tokens, cached_prompt_tokens: 0, completion_tokens };
}

function countIn(said: Record<string, unknown>, name: string): number {
  const count = said[name];
  return typeof count === "number" && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

type Call = {
  readonly tenant: string;
  readonly kind: "chat" | "embeddings";
  readonly request: Request;
  readonly body: Record<string, unknown>;
  /** Undefined where the router chooses. */
  readonly route: Route | undefined;
};

function whereTo({ mode, settings, tier, model }: CallPlan): Target {
  if (mode === "shadow" && tier === undefined && model === undefined) return { kind: "routed" };
  const named = { ...(tier === undefined ? {} : { tier }), ...(model === undefined ? {} : { model }) };
  return targetOf({ mode, ...named }, settings);
}

/** As `calling/plan.ts` takes it, without all that admission says. */
function callOf({ settings }: CallPlan, target: Target, recorded: Recorded): Call | "refused" | undefined {
  const json = recorded.request === undefined ? undefined : parseJson(recorded.request);
  if (!isObject(json)) return undefined;
  const { body } = json;
  const kind = isObject(body) ? bodyKind(body) : undefined;
  if (kind === undefined || !isObject(body)) return "refused";
  const route =
    target.kind === "named"
      ? namedRoute(target, settings)
      : target.kind === "recorded"
        ? recordedRoute(recorded.original?.route)
        : undefined;
  if (route !== undefined && routeProblem(route, kind, settings) !== undefined) return "refused";
  return { tenant: recorded.tenant, kind, request: json as Request, body, route };
}

/** What a run holds of its budget: with the route, as `calling/plan.ts` does; where the router chooses, as admission does. */
function mostOf({ settings, encodings }: CallPlan, { tenant, kind, request, body, route }: Call): number {
  const plan = resolvePlan(settings, tenant) ?? {};
  const ask = { body, limits: request.limits, plan, settings, encodings };
  const lane = "batch";
  if (route !== undefined) {
    const by = route.decision?.by;
    const climbs = by !== undefined && by !== "asked" && by !== "shadow";
    return boundOf({ ...ask, head: { kind, lane }, tier: route.tier, climbs }).most_nusd;
  }
  const { tier, model } = askedIn(request, body);
  const head = {
    kind,
    lane,
    ...(tier === undefined ? {} : { tier }),
    ...(model === undefined ? {} : { model }),
  } as const;
  const found = estimate({ ...ask, head });
  return found.kind === "estimated" ? found.reserved_nusd : 0;
}

/** The model whose price counts: the route's; else the one asked for, the tier's first, or that of the tier that answered. */
function modelOf(
  { tiers, routing }: CallPlan["settings"],
  { route, kind, request, body }: Call,
  seen: Recorded,
): string {
  if (route !== undefined) return route.model;
  const firstOf = (tier: string | undefined): string | undefined =>
    tier !== undefined && Object.hasOwn(tiers, tier) ? tiers[tier]?.models[0] : undefined;
  const isServed = (model: string): boolean => Object.values(tiers).some(({ models }) => models.includes(model));
  const { tier, model } = askedIn(request, body);
  if (model !== undefined && model !== AUTO && isServed(model)) return model;
  const by_default = kind === "embeddings" ? routing.embeddings_tier : routing.default_tier;
  const answered = kind === "embeddings" ? undefined : seen.original?.route?.tier;
  return firstOf(tier) ?? firstOf(model) ?? firstOf(answered) ?? firstOf(by_default) ?? "";
}

function askedIn(
  request: Request,
  body: Record<string, unknown>,
): { readonly tier: string | undefined; readonly model: string | undefined } {
  return { tier: request.tier, model: typeof body["model"] === "string" ? body["model"] : undefined };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
