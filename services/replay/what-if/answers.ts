/**
 * What a call would come to: the recorded run in place of it. What was not called then, or by another tier, is estimated by what is
 * known of the request and of such calls. Pure.
 */
import type { Settings } from "../../../libs/shared/config/schema.ts";
import type { Estimated } from "../../../libs/shared/estimate/estimate.ts";
import type { Route, Usage } from "../../../libs/shared/events/fields.ts";
import type { AdmittedHead } from "../../../libs/shared/events/flow.ts";
import type { Ending } from "../../../libs/shared/events/outcomes.ts";
import { nusd, usdOf } from "../../../libs/shared/money.ts";
import type { PriceList } from "../../../libs/shared/prices.ts";
import { priced } from "../../inference/usage.ts";
import { type Called, type Counted, isWhole, type Known } from "./known.ts";
import type { Typical } from "./typical.ts";

export type AnswerContext = {
  /** Those that are tried. */
  readonly settings: Pick<Settings, "tiers" | "routing" | "prices" | "admission">;
  /** Of these settings; a model without a price is free. */
  readonly prices: PriceList;
  /** Those in force: what they share with the ones that are tried is as it was recorded. */
  readonly base: Pick<Settings, "tiers">;
  readonly typical: Typical;
};

export type CallAsk = {
  readonly head: AdmittedHead;
  readonly route: Route;
  readonly streams: boolean;
  readonly request_bytes: number;
  readonly estimated: Estimated | undefined;
  readonly known: Known | undefined;
  readonly now_ms: number;
};

export type Predicted = {
  readonly ending: Omit<Ending, "timing">;
  readonly response?: Buffer;
  readonly duration_ms: number;
  readonly first_token_ms?: number;
  /** Something of it (tokens, cost, time, whether it succeeds) is no record. */
  readonly estimated: boolean;
};

export function predictCall(ask: CallAsk, context: AnswerContext): Predicted {
  const { known, route } = ask;
  const called = known?.called;
  const { status } = known?.ending ?? {};
  if (known !== undefined && called !== undefined) {
    // Who cancelled it would do so again, whatever it was called with.
    if (status === "cancelled") return asRecorded(ask, known, called, route, context);
    if (called.first_tier === route.tier) {
      if (called.climbed && !mayClimb(context)) return answered(ask, context);
      return asRecorded(ask, known, called, routeThen(ask, called, context), context);
    }
  }
  return answered(ask, context);
}

function mayClimb({ settings: { routing } }: AnswerContext): boolean {
  return routing.escalation.enabled || routing.strategy === "draft_and_verify";
}

/** The recorded run's way, where it began as this one would. */
function routeThen({ route }: CallAsk, called: Called, context: AnswerContext): Route {
  const { endpoint, attempts, prompt_version: _then, ...then } = called.route;
  const of_call = { attempts, ...(endpoint === undefined ? {} : { endpoint }) };
  if (called.climbed) {
    const { decision = { by: "escalation" as const }, escalated_from } = then;
    const from = escalated_from === undefined ? {} : { escalated_from };
    const climbed = { ...(route.decision ?? decision), by: decision.by, ...pickDetail(decision.detail) };
    return { ...route, ...of_call, tier: then.tier, model: then.model, ...from, decision: climbed };
  }
  return { ...route, ...of_call, model: modelOf(route, then.model, context) };
}

function pickDetail(detail: string | undefined): { readonly detail?: string } {
  return detail === undefined ? {} : { detail };
}

/** The one that answered then, be it another of the tier's than was asked for: where the tier has the same models still. */
function modelOf({ tier, model }: Route, then: string, { settings, base }: AnswerContext): string {
  const models = settings.tiers[tier]?.models ?? [];
  const before = base.tiers[tier]?.models ?? [];
  const same = models.length === before.length && models.every((name, at) => name === before[at]);
  return same && models.includes(then) ? then : model;
}

function asRecorded(ask: CallAsk, known: Known, called: Called, route: Route, context: AnswerContext): Predicted {
  const { usage: _usage, timing: _timing, route: _route, ...ending } = known.ending;
  const batched = isBatched(ask, route, context);
  const usage = usageThen(known, called, route, batched, context);
  const same_way = batched === (known.ending.usage?.batched ?? false) || known.ending.usage === undefined;
  const duration_ms = same_way ? called.duration_ms : durationOf(ask, usage, batched, context);
  return {
    ending: {
      ...ending,
      route,
      ...(usage === undefined ? {} : { usage }),
      ...(ending.status === "succeeded" ? { complete: isWhole(known, ask.head.kind) } : {}),
    },
    ...(known.response === undefined ? {} : { response: known.response }),
    duration_ms,
    ...(called.first_token_ms === undefined || !same_way ? {} : { first_token_ms: called.first_token_ms }),
    estimated: !same_way,
  };
}

/** A chain's parts have no counts of their own: at the same prices its cost stays, at others it is told by those of its ends. */
function usageThen(
  { ending, counted }: Known,
  called: Called,
  route: Route,
  batched: boolean,
  context: AnswerContext,
): Usage | undefined {
  const { usage } = ending;
  if (usage === undefined) return undefined;
  if (!called.climbed) return pricedBy(usage, route.model, batched, usage.estimated, context);
  if (usage.price_version === context.prices.version || counted === undefined) return usage;
  const first = context.settings.tiers[called.first_tier]?.models[0] ?? route.model;
  const rest = {
    prompt_tokens: Math.max(0, usage.prompt_tokens - counted.prompt_tokens),
    cached_prompt_tokens: Math.max(0, usage.cached_prompt_tokens - counted.cached_prompt_tokens),
    completion_tokens: Math.max(0, usage.completion_tokens - counted.completion_tokens),
  };
  const parts = [pricedBy(counted, route.model, batched, true, context), pricedBy(rest, first, batched, true, context)];
  const cost_nusd = parts.reduce((sum, { cost_usd }) => sum + nusd(cost_usd), 0);
  return { ...usage, cost_usd: usdOf(cost_nusd), price_version: context.prices.version, estimated: true };
}

/** Another tier than then, or none then: it is answered as it was, at the tokens that its answer has. */
function answered(ask: CallAsk, context: AnswerContext): Predicted {
  const { route, known } = ask;
  const batched = isBatched(ask, route, context);
  const counted = known?.ending.status === "succeeded" ? known.counted : undefined;
  const counts = counted ?? guessed(ask, batched, context);
  const usage = pricedBy(counts, route.model, batched, counts.estimated, context);
  const duration_ms = durationOf(ask, usage, batched, context);
  const late = ask.head.deadline_ms !== undefined && ask.now_ms + duration_ms > ask.head.deadline_ms;
  const called = { ...route, attempts: 1 };
  if (late) return expired(ask, called, usage);
  const response = known?.ending.status === "succeeded" ? known.response : undefined;
  return {
    ending: {
      status: "succeeded",
      route: called,
      usage,
      complete: known === undefined || response === undefined ? true : isWhole(known, ask.head.kind),
    },
    ...(response === undefined ? {} : { response }),
    duration_ms,
    estimated: true,
  };
}

/** A call that is ended by the deadline has cost what it was asked. */
function expired({ head, now_ms }: CallAsk, route: Route, usage: Usage): Predicted {
  const deadline_ms = head.deadline_ms ?? now_ms;
  const message = "the deadline would have passed before the answer";
  return {
    ending: {
      status: "expired",
      error: { code: "deadline_exceeded", type: "timeout_error", message, param: "deadline" },
      route,
      usage: { ...usage, estimated: true },
    },
    duration_ms: Math.max(0, deadline_ms - now_ms),
    estimated: true,
  };
}

/** OpenAI's rule of thumb, "1 token ~= 4 chars in English"; where there is no better count. */
const BYTES_PER_TOKEN = 4;

/** The request's own estimate, and an answer as long as such answers are. */
function guessed(
  { head, route, estimated, request_bytes }: CallAsk,
  batched: boolean,
  context: AnswerContext,
): Counted {
  const mean = context.typical.completion_tokens({ tier: route.tier, batched });
  const most = head.max_output_tokens ?? estimated?.output_tokens_max ?? mean;
  return {
    prompt_tokens: estimated?.prompt_tokens ?? Math.ceil(request_bytes / BYTES_PER_TOKEN),
    cached_prompt_tokens: 0,
    completion_tokens: head.kind === "embeddings" ? 0 : Math.min(mean, most),
    estimated: true,
  };
}

function pricedBy(
  { prompt_tokens, cached_prompt_tokens, completion_tokens }: Omit<Counted, "estimated">,
  model: string,
  batched: boolean,
  estimated: boolean,
  { prices, settings }: AnswerContext,
): Usage {
  const counts = { prompt_tokens, cached_prompt_tokens, completion_tokens };
  // A model that the settings no longer have has no price: it counts as free, and as a guess.
  const has_price = Object.hasOwn(settings.prices.models, model) || settings.admission.unknown_price === "allow";
  return priced(counts, estimated || !has_price, { prices, model, batched });
}

function durationOf(
  { route }: CallAsk,
  usage: Usage | undefined,
  batched: boolean,
  { typical }: AnswerContext,
): number {
  return typical.duration_ms({ tier: route.tier, batched }, usage?.completion_tokens ?? 0);
}

/** As the batch lane decides it; what was called directly all the same, by the same tier, would be so again. */
function isBatched(
  { head, known, streams, now_ms }: CallAsk,
  { tier }: Route,
  { settings, base }: AnswerContext,
): boolean {
  const own = settings.tiers[tier]?.batch_api;
  if (own?.enabled !== true || head.lane !== "batch" || streams) return false;
  const left_ms = (head.deadline_ms ?? Number.POSITIVE_INFINITY) - now_ms;
  if (left_ms < own.deadline_margin_minutes * 60_000) return false;
  const then = known?.called;
  const direct = then?.route.tier === tier && known?.ending.usage?.batched !== true;
  return !(direct && base.tiers[tier]?.batch_api.enabled === true);
}
