/** On which terms a request may be admitted: what its plan allows, and what it needs of limits and budgets. Pure. */
import type { Needs, RateAsk } from "../../libs/shared/budgets/admission-store.ts";
import { capsOf, type ResolvedPlan, ratesOf } from "../../libs/shared/budgets/plan.ts";
import type { Feature } from "../../libs/shared/config/plans.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { Encodings } from "../../libs/shared/estimate/encodings.ts";
import { type Estimate, type Estimated, estimate } from "../../libs/shared/estimate/estimate.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import type { Request } from "../../libs/shared/events/request.ts";
import { dollars } from "../../libs/shared/money.ts";
import { choosable, leavesChoice } from "../../libs/shared/routing/choice.ts";
import { featuresOf } from "../../libs/shared/routing/features.ts";

const HOUR_MS = 3_600_000;

export type TermsContext = {
  readonly now_ms: number;
  readonly settings: Pick<Settings, "tiers" | "routing" | "prices" | "admission">;
  readonly encodings: Encodings;
  /** The API key that the request came with. */
  readonly key_id?: string | undefined;
};

export type Terms =
  | {
      readonly kind: "terms";
      readonly needs: Needs;
      /** To be written into the call, so that its cost stays within what is reserved. */
      readonly max_output_tokens?: number;
      /** Where the choice of the tier is ours: those that `needs` suffices for, the weakest first, and why they are fewer. */
      readonly tiers?: readonly string[];
      readonly tiers_by?: "plan" | "budget";
      /** Undefined where a price is missing and nobody minds. */
      readonly estimated?: Estimated;
    }
  | { readonly kind: "refused"; readonly error: ResultError; readonly retryable: false };

export function termsOf(
  request: Pick<Request, "limits"> & { readonly body: Readonly<Record<string, unknown>> },
  head: AdmittedHead,
  plan: ResolvedPlan,
  context: TermsContext,
): Terms {
  const { settings, encodings } = context;
  const { body, limits } = request;
  const feature = featuresOf(head.kind, body).find((used) => plan.features?.includes(used) === false);
  if (feature !== undefined) return featureRefused(feature, plan);
  const bound = estimate({ head, body, limits, plan, settings, encodings });
  if (bound.kind === "no_tier") return tierRefused(settings.routing.default_tier, plan, head);
  const ours = leavesChoice(head);
  const barred = ours ? undefined : bound.tiers.find((tier) => plan.tiers?.includes(tier) === false);
  if (barred !== undefined) return tierRefused(barred, plan, head);

  const caps_nusd = capsOf(plan);
  const rates = ratesOf(plan, settings.admission.global, { user: head.user, key_id: context.key_id });
  const request_cap = requestCap(plan, limits?.max_cost_usd);
  const money = Object.keys(caps_nusd).length > 0 || plan.velocity !== undefined || request_cap !== undefined;
  const unpriced = bound.kind === "price_unknown" ? bound.model : bound.unpriced;
  if (unpriced !== undefined && money && settings.admission.unknown_price === "refuse") return priceRefused(unpriced);
  const held = heldFor(bound, request_cap);
  if (held.kind === "too_dear") return costRefused(held.needed_nusd, held.cap);

  const max_output_tokens = outputBound(bound, head, plan, money || limitsTokens(rates));
  return {
    kind: "terms",
    needs: {
      reserved_nusd: held.reserved_nusd,
      ...(held.lower_nusd === undefined ? {} : { lower_nusd: held.lower_nusd }),
      tokens: bound.kind === "estimated" ? bound.tokens : 0,
      ...(head.session === undefined ? {} : { session: head.session }),
      ...(head.user === undefined ? {} : { user: head.user }),
      caps_nusd,
      rates,
      ...(plan.limits.in_flight_max === undefined ? {} : { in_flight_max: plan.limits.in_flight_max }),
      expires_ms: Math.max(head.deadline_ms ?? 0, context.now_ms + settings.admission.reservation_ttl_hours * HOUR_MS),
    },
    ...(max_output_tokens === undefined ? {} : { max_output_tokens }),
    ...(ours ? tiersOf(bound.tiers, held.lowered, choosable(settings)) : {}),
    ...(bound.kind === "estimated" ? { estimated: bound } : {}),
  };
}

type Held =
  | {
      readonly kind: "held";
      readonly reserved_nusd: number;
      /** Of the weakest tier alone, where that is less. */
      readonly lower_nusd?: number;
      /** Only the weakest tier fits. */
      readonly lowered: boolean;
    }
  | { readonly kind: "too_dear"; readonly needed_nusd: number; readonly cap: RequestCap };

/** A cap on the request lowers the tier, where the choice is ours, before it refuses. */
function heldFor(bound: Exclude<Estimate, { kind: "no_tier" }>, cap: RequestCap | undefined): Held {
  if (bound.kind === "price_unknown") return { kind: "held", reserved_nusd: 0, lowered: false };
  const { reserved_nusd, weakest_nusd = reserved_nusd } = bound;
  const within = (needed_nusd: number): boolean => cap === undefined || needed_nusd <= cap.nusd;
  const cheaper = weakest_nusd < reserved_nusd;
  if (within(reserved_nusd)) {
    return { kind: "held", reserved_nusd, ...(cheaper ? { lower_nusd: weakest_nusd } : {}), lowered: false };
  }
  if (cheaper && within(weakest_nusd)) return { kind: "held", reserved_nusd: weakest_nusd, lowered: true };
  return { kind: "too_dear", needed_nusd: weakest_nusd, cap: cap as RequestCap };
}

/** What the router may choose among. @param all without plan and budgets. */
function tiersOf(
  tiers: readonly string[],
  lowered: boolean,
  all: readonly string[],
): Pick<Extract<Terms, { kind: "terms" }>, "tiers" | "tiers_by"> {
  if (lowered) return { tiers: tiers.slice(0, 1), tiers_by: "budget" };
  return { tiers, ...(all.every((tier) => tiers.includes(tier)) ? {} : { tiers_by: "plan" as const }) };
}

type RequestCap = { readonly nusd: number; readonly by: string };

function requestCap(plan: ResolvedPlan, max_cost_usd: number | undefined): RequestCap | undefined {
  const of_plan = plan.budgets_nusd.request;
  // Beyond this, whole nano-dollars are not exact, and no plan has it.
  const own =
    max_cost_usd === undefined ? undefined : Math.min(Math.floor(max_cost_usd * 1e9 + 1e-6), Number.MAX_SAFE_INTEGER);
  if (own !== undefined && own < (of_plan ?? Number.POSITIVE_INFINITY))
    return { nusd: own, by: "its own limits.max_cost_usd" };
  return of_plan === undefined ? undefined : { nusd: of_plan, by: `request_usd of plan ${plan.plan}` };
}

function limitsTokens(rates: readonly RateAsk[]): boolean {
  return rates.some(({ tokens_per_minute }) => tokens_per_minute !== undefined);
}

/** Where anything is counted in money or tokens, the estimate's; else what request and plan say, so that nothing is cut for nothing. */
function outputBound(
  bound: Exclude<Estimate, { kind: "no_tier" }>,
  head: AdmittedHead,
  plan: ResolvedPlan,
  counted: boolean,
): number | undefined {
  if (head.kind === "embeddings") return undefined;
  if (counted && bound.kind === "estimated") return bound.output_tokens_max;
  const asked = [head.max_output_tokens, plan.max_output_tokens].filter((value) => value !== undefined);
  return asked.length === 0 ? undefined : Math.min(...asked);
}

function refused(error: ResultError): Terms {
  return { kind: "refused", error, retryable: false };
}

function featureRefused(feature: Feature, { plan, features }: ResolvedPlan): Terms {
  const message = `plan ${plan} does not allow ${feature}; it allows ${features?.join(", ")}`;
  return refused({ code: "feature_not_allowed", type: "permission_error", message, param: "body" });
}

function tierRefused(tier: string, { plan, tiers: allowed = [] }: ResolvedPlan, head: AdmittedHead): Terms {
  const named = !leavesChoice(head) && (head.tier !== undefined || head.model !== undefined);
  const message = `${named ? "" : "the default is tier "}${tier}${named ? ":" : ", and"} plan ${plan} allows ${allowed.join(", ")} alone`;
  const param = head.tier === undefined ? "body.model" : "tier";
  return refused({ code: "tier_not_allowed", type: "permission_error", message: `${param}: ${message}`, param });
}

function priceRefused(model: string): Terms {
  const message = `model ${model} has no price, and the tenant has budgets to be kept; add it to prices.models`;
  return refused({ code: "price_unknown", type: "invalid_request_error", message, param: "body.model" });
}

function costRefused(needed_nusd: number, cap: RequestCap): Terms {
  const message =
    `budget of scope request: may cost ${dollars(needed_nusd)}, and its cap is ${dollars(cap.nusd)} (${cap.by}); ` +
    "ask for fewer output tokens, a cheaper tier or a shorter prompt";
  return refused({ code: "budget_exceeded", type: "insufficient_quota", message });
}
