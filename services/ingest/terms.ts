/** On which terms a request may be admitted: what its plan allows, and what it needs of limits and budgets. Pure. */
import type { Needs, RateAsk } from "../../libs/shared/budgets/admission-store.ts";
import { capsOf, type ResolvedPlan, ratesOf } from "../../libs/shared/budgets/plan.ts";
import type { Feature } from "../../libs/shared/config/plans.ts";
import type { Settings } from "../../libs/shared/config/schema.ts";
import type { ResultError } from "../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../libs/shared/events/flow.ts";
import type { Request } from "../../libs/shared/events/request.ts";
import { dollars } from "../../libs/shared/money.ts";
import type { Encodings } from "./encodings.ts";
import { type Estimate, type Estimated, estimate } from "./estimate.ts";

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
  if (plan.tiers?.includes(bound.tier) === false) return tierRefused(bound.tier, plan.tiers, plan, head);

  const caps_nusd = capsOf(plan);
  const rates = ratesOf(plan, settings.admission.global, { user: head.user, key_id: context.key_id });
  const request_cap = requestCap(plan, limits?.max_cost_usd);
  const money = Object.keys(caps_nusd).length > 0 || plan.velocity !== undefined || request_cap !== undefined;
  if (bound.kind === "price_unknown" && money && settings.admission.unknown_price === "refuse") {
    return priceRefused(bound.model);
  }
  const reserved_nusd = bound.kind === "estimated" ? bound.reserved_nusd : 0;
  if (request_cap !== undefined && reserved_nusd > request_cap.nusd) return costRefused(reserved_nusd, request_cap);

  const max_output_tokens = outputBound(bound, head, plan, money || limitsTokens(rates));
  return {
    kind: "terms",
    needs: {
      reserved_nusd,
      tokens: bound.kind === "estimated" ? bound.tokens : 0,
      ...(head.session === undefined ? {} : { session: head.session }),
      ...(head.user === undefined ? {} : { user: head.user }),
      caps_nusd,
      rates,
      ...(plan.limits.in_flight_max === undefined ? {} : { in_flight_max: plan.limits.in_flight_max }),
      expires_ms: Math.max(head.deadline_ms ?? 0, context.now_ms + settings.admission.reservation_ttl_hours * HOUR_MS),
    },
    ...(max_output_tokens === undefined ? {} : { max_output_tokens }),
    ...(bound.kind === "estimated" ? { estimated: bound } : {}),
  };
}

/** Every feature that the request uses. */
function featuresOf(kind: AdmittedHead["kind"], body: Readonly<Record<string, unknown>>): Feature[] {
  if (kind === "embeddings") return ["embeddings"];
  const given = (value: unknown): boolean =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && value !== null;
  const format = body["response_format"] as { readonly type?: unknown } | null | undefined;
  return [
    "chat",
    ...(given(body["tools"]) || given(body["functions"]) ? (["tools"] as const) : []),
    ...(hasImage(body["messages"]) ? (["images"] as const) : []),
    ...(body["stream"] === true ? (["stream"] as const) : []),
    ...(given(format) && format?.type !== "text" ? (["structured_output"] as const) : []),
  ];
}

function hasImage(messages: unknown): boolean {
  return (messages as readonly { readonly content?: unknown }[]).some(
    ({ content }) =>
      Array.isArray(content) && content.some(({ type }) => type === "image_url" || type === "input_image"),
  );
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
function outputBound(bound: Estimate, head: AdmittedHead, plan: ResolvedPlan, counted: boolean): number | undefined {
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

function tierRefused(tier: string, allowed: readonly string[], { plan }: ResolvedPlan, head: AdmittedHead): Terms {
  const named = head.tier !== undefined || (head.model !== undefined && head.model !== "auto");
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
