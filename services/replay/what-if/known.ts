/** What a record tells of the request's run: how it ended, by which model, what that took. Pure. */

import type { Route, Usage } from "../../../libs/shared/events/fields.ts";
import { parseJson } from "../../../libs/shared/events/json.ts";
import type { Ending } from "../../../libs/shared/events/outcomes.ts";
import type { TokenCounts } from "../../../libs/shared/money.ts";
import { isComplete } from "../../inference/completeness.ts";
import { usageGiven } from "../../inference/usage.ts";
import type { Recorded } from "../contract.ts";

/** What was counted of an answer. */
export type Counted = TokenCounts & {
  /** The counts were not the provider's. */
  readonly estimated: boolean;
};

export type Known = {
  /** How it ended. */
  readonly ending: Ending;
  readonly response?: Buffer;
  /** Where a model was called for it, be it in vain: the tier that was asked first. */
  readonly called?: Called;
  /** Of the answer that it got, its own or the cache's: what the model that wrote it used for it. */
  readonly counted?: Counted;
  /** From arrival to the router's word; undefined where it waited on the way (for room, or for another's answer). */
  readonly lag_ms?: number;
};

export type Called = {
  readonly first_tier: string;
  readonly route: Route;
  /** From the router's word to the end. */
  readonly duration_ms: number;
  readonly first_token_ms?: number;
  /** More than one tier was asked. */
  readonly climbed: boolean;
};

/** @param deferral_ms the shortest time that a request is deferred for. @returns undefined where nothing is recorded of its end. */
export function knownOf(recorded: Recorded, deferral_ms: number): Known | undefined {
  const { outcome, original } = recorded;
  const told: Ending | undefined = outcome?.head ?? original;
  if (told === undefined) return undefined;
  const ending = endingOf(told);
  const response = outcome === undefined ? responseOf(original) : outcome.response;
  const called = calledOf(ending);
  const counted = countedOf(ending, called, response);
  const lag_ms = lagOf(ending, recorded.received_ms, deferral_ms);
  return {
    ending,
    ...(response === undefined ? {} : { response }),
    ...(called === undefined ? {} : { called }),
    ...(counted === undefined ? {} : { counted }),
    ...(lag_ms === undefined ? {} : { lag_ms }),
  };
}

/** Without the request's own part: what was held for it then, and where its answer went. */
function endingOf({ status, timing, error, route, usage, unknown_calls, complete }: Ending): Ending {
  return {
    status,
    timing,
    ...(error === undefined ? {} : { error }),
    ...(route === undefined ? {} : { route }),
    ...(usage === undefined ? {} : { usage }),
    ...(unknown_calls === undefined ? {} : { unknown_calls }),
    ...(complete === undefined ? {} : { complete }),
  };
}

function responseOf(original: Recorded["original"]): Buffer | undefined {
  return original?.response === undefined ? undefined : Buffer.from(JSON.stringify(original.response));
}

const HITS: ReadonlySet<string> = new Set(["exact", "semantic", "coalesced"]);

export function isHit(route: Pick<Route, "cache"> | undefined): boolean {
  return route !== undefined && HITS.has(route.cache);
}

function calledOf({ route, timing }: Ending): Called | undefined {
  if (route === undefined || isHit(route) || timing.completed === undefined) return undefined;
  const began_ms = timing.routed ?? timing.dispatched ?? timing.admitted ?? timing.completed;
  const climbed = climbedBy(route);
  return {
    first_tier: route.escalated_from ?? route.tier,
    route,
    duration_ms: Math.max(0, timing.completed - began_ms),
    ...(timing.first_token === undefined ? {} : { first_token_ms: Math.max(0, timing.first_token - began_ms) }),
    climbed,
  };
}

function climbedBy({ decision, escalated_from }: Route): boolean {
  return escalated_from !== undefined || decision?.by === "escalation" || decision?.by === "judge";
}

/** Of one call the outcome says it; of an answer of several, or of the cache, the answer itself. */
function countedOf(ending: Ending, called: Called | undefined, response: Buffer | undefined): Counted | undefined {
  const { usage } = ending;
  if (called !== undefined && !called.climbed && usage !== undefined) return countsOf(usage);
  const given = response === undefined ? undefined : usageIn(response);
  if (given !== undefined) return { ...given, estimated: false };
  return called !== undefined && usage !== undefined ? countsOf(usage) : undefined;
}

function countsOf({ prompt_tokens, cached_prompt_tokens, completion_tokens, estimated }: Usage): Counted {
  return { prompt_tokens, cached_prompt_tokens, completion_tokens, estimated };
}

function usageIn(response: Buffer): TokenCounts | undefined {
  const parsed = parseJson(response);
  return typeof parsed === "object" && parsed !== null
    ? usageGiven(parsed as Readonly<Record<string, unknown>>)
    : undefined;
}

/** Whoever waits for an identical one under way is routed when that ends. */
function lagOf({ route, timing }: Ending, received_ms: number, deferral_ms: number): number | undefined {
  const { admitted, routed } = timing;
  if (admitted === undefined || routed === undefined || route?.cache === "coalesced") return undefined;
  if (admitted - received_ms >= deferral_ms) return undefined;
  return Math.max(0, routed - received_ms);
}

/** Whether the answer may be kept: as it was told; of one that nobody meant to keep, by what it says. */
export function isWhole({ ending, response }: Known, kind: "chat" | "embeddings"): boolean {
  if (ending.complete !== undefined) return ending.complete;
  if (isHit(ending.route)) return true;
  const parsed = response === undefined ? undefined : parseJson(response);
  return typeof parsed === "object" && parsed !== null && isComplete(kind, parsed as Readonly<Record<string, unknown>>);
}
