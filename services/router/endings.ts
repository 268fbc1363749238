/** What the router says of a request that it answers, refuses or hands on: routes, usage and errors. Pure. */
import type { Decision, ResultError, Route, Usage } from "../../libs/shared/events/fields.ts";
import type { CacheEvidence, CacheHit } from "./cache/contract.ts";
import type { LookedUp } from "./handler.ts";

/** From the cache: nothing is called, nothing is used. */
export function hitEnding(hit: CacheHit): {
  readonly status: "succeeded";
  readonly route: Route;
  readonly usage: Usage;
} {
  const { answer, how, similarity, evidence } = hit;
  const route: Route = {
    tier: answer.tier,
    model: answer.model,
    reason: hitReason(hit),
    cache: how,
    cache_entry: answer.entry_id,
    ...(similarity === undefined ? {} : { similarity }),
    attempts: 0,
    decision: { by: "cache", ...withEvidence(evidence) },
  };
  const usage = {
    prompt_tokens: 0,
    cached_prompt_tokens: 0,
    completion_tokens: 0,
    cost_usd: 0,
    price_version: "cache",
    estimated: false,
  };
  return { status: "succeeded", route, usage };
}

function hitReason({ how, similarity, probability }: CacheHit): string {
  if (how === "exact") return "cache: the same request was answered before";
  if (how === "coalesced") return "cache: the same request was under way";
  const likely = probability === undefined ? "" : `, right with probability ${probability.toFixed(3)}`;
  return `cache: a question like it was answered before (similarity ${similarity?.toFixed(3)}${likely})`;
}

/** Of a request that takes an answer from the cache or none. */
export function notCachedError(looked: LookedUp): ResultError {
  const why = looked.kind === "bypass" ? `: ${looked.why}` : "";
  const message = `cache.mode: only, and there is no answer in the cache${why}; leave mode out to have the model asked`;
  return { code: "cache_miss", type: "invalid_request_error", message, param: "cache.mode" };
}

/** The route as the job has it: with what the cache said. */
export function routeOfJob(chosen: Route, looked: LookedUp): Route {
  const { decision } = chosen;
  const evidence = looked.kind === "miss" ? looked.evidence : undefined;
  const explained = decision === undefined ? {} : { decision: { ...decision, ...withEvidence(evidence) } };
  return { ...chosen, cache: cacheOf(looked), ...explained };
}

export function cacheOf(looked: LookedUp): Route["cache"] {
  return looked.kind === "hit" ? looked.how : looked.kind;
}

function withEvidence(evidence: CacheEvidence | undefined): Pick<Decision, "cache"> {
  return evidence === undefined ? {} : { cache: evidence };
}
