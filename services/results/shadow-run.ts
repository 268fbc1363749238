/** What a run for a comparison came to, beside the original: for `llm.shadow`. Pure. */
import { answerText } from "../../libs/shared/events/answer-text.ts";
import type { OutcomeHead, Result } from "../../libs/shared/events/flow.ts";
import { parseJson } from "../../libs/shared/events/json.ts";
import { isInternalTenant, type Shadow, type ShadowRun, type ShadowSide } from "../../libs/shared/events/shadow.ts";

/** What the outcome was run for; undefined for a request of a tenant. */
export function runFor({ tenant, shadow }: Pick<OutcomeHead, "tenant" | "shadow">): Shadow | undefined {
  return isInternalTenant(tenant) ? shadow : undefined;
}

/**
 * @param original the Result of the original request as JSON text; undefined where it is not known any more.
 * @param response of the run: the provider's JSON.
 */
export function shadowRun(
  shadow: Shadow,
  outcome: Pick<OutcomeHead, "status" | "route" | "usage" | "timing">,
  response: Buffer | undefined,
  original: string | undefined,
  now_ms: number,
): ShadowRun {
  const first = original === undefined ? undefined : (parseJson(Buffer.from(original)) as Result | undefined);
  return {
    kind: "run",
    shadow,
    at_ms: now_ms,
    status: outcome.status,
    ...(first === undefined ? {} : { original: sideOf(first, first.response) }),
    run: sideOf(outcome, response === undefined ? undefined : parseJson(response)),
  };
}

function sideOf({ route, usage, timing }: Pick<Result, "route" | "usage" | "timing">, response: unknown): ShadowSide {
  const { dispatched, completed } = timing;
  const text = answerText(response);
  return {
    ...(route === undefined ? {} : { tier: route.tier, model: route.model }),
    cost_usd: usage?.cost_usd ?? 0,
    ...(dispatched === undefined || completed === undefined ? {} : { latency_ms: Math.max(0, completed - dispatched) }),
    ...(text === undefined ? {} : { text }),
  };
}
