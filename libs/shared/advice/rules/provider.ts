/** The provider, or the limit that the settings say it has, lets no more calls through: no worker helps. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { CallLoad, Observation, StageLoad, TierFacts } from "../observation.ts";
import { isBehind, needed_per_s } from "../standing.ts";
import { figure, percent, perSecond, queueEvidence, throughputGain } from "../wording.ts";

/** Of the calls, refused with 429: with a queue, and without one (what is refused waits on the retry topics). */
const THROTTLED_BEHIND_MIN = 0.05;
const THROTTLED_MIN = 0.2;
/** Of what is in flight, waiting for the rate limit. */
const WAITING_MIN = 0.3;
const THROTTLED_PER_S_MIN = 0.5;

export function providerLimits(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    const { calls, tier } = stage;
    const facts = observation.settings.tiers[tier ?? ""];
    if (calls === undefined || facts === undefined) return [];
    const throttled_per_s = calls.endpoints.reduce((all, one) => all + one.throttled_per_s, 0);
    const all_per_s = calls.endpoints.reduce((all, one) => all + one.calls_per_s, 0);
    const throttled = all_per_s === 0 ? 0 : throttled_per_s / all_per_s;
    const waiting = stage.in_flight === 0 ? 0 : Math.min(1, (stage.waiting["limit"] ?? 0) / stage.in_flight);
    const behind = isBehind(stage, observation);
    // Another endpoint with room makes one's refusals harmless.
    if (hasOtherRoom(calls)) return [];
    const refused =
      throttled_per_s >= THROTTLED_PER_S_MIN && throttled >= (behind ? THROTTLED_BEHIND_MIN : THROTTLED_MIN);
    if (!refused && !(behind && waiting >= WAITING_MIN)) return [];
    return [finding(stage, facts, { throttled, throttled_per_s, waiting, passed_per_s: all_per_s - throttled_per_s })];
  });
}

function hasOtherRoom({ endpoints }: CallLoad): boolean {
  const isFree = ({ throttled_per_s, in_flight, limit, breaker_open }: CallLoad["endpoints"][number]): boolean =>
    throttled_per_s === 0 && breaker_open < 0.5 && in_flight < limit * 0.7;
  return endpoints.length > 1 && endpoints.some(isFree);
}

type Figures = {
  readonly throttled: number;
  readonly throttled_per_s: number;
  readonly waiting: number;
  readonly passed_per_s: number;
};

function finding(
  stage: StageLoad,
  facts: TierFacts,
  { throttled, throttled_per_s, waiting, passed_per_s }: Figures,
): RuleFinding {
  const { tier = "", name } = stage;
  const { requests_per_minute } = facts;
  const own = throttled_per_s < 0.5 && (requests_per_minute ?? facts.tokens_per_minute) !== undefined;
  const passed = own ? stage.done_per_s : passed_per_s;
  const need_rpm = Math.ceil((needed_per_s(stage) * 60) / 10) * 10;
  const limit =
    requests_per_minute === undefined
      ? `tokens_per_minute: ${facts.tokens_per_minute}`
      : `requests_per_minute: ${requests_per_minute}`;
  return {
    what: "provider_limit",
    stage: name,
    severity: "bottleneck",
    strength: Math.min(1, 0.5 + Math.max(throttled, waiting) / 2),
    summary: own
      ? `the tier's own limit (${limit}) lets ${perSecond(passed)} through; more workers do not help`
      : `the provider refuses ${percent(throttled)} of the calls and lets ${perSecond(passed)} through; more workers do not help`,
    evidence: [
      { name: "refused with 429", value: figure(throttled) },
      { name: "let through", value: figure(passed), unit: "/s" },
      { name: "of its work, waiting for the limit", value: figure(waiting) },
      ...(requests_per_minute === undefined ? [] : [{ name: "requests_per_minute", value: requests_per_minute }]),
      ...queueEvidence(stage),
    ],
    change: own
      ? `If the provider allows it, set tiers.${tier}.limits.requests_per_minute: ${need_rpm}; else add an endpoint with a limit of its own to tiers.${tier}.endpoint.`
      : `Ask the provider for ${need_rpm} requests a minute, or add an endpoint with a limit of its own to tiers.${tier}.endpoint. ` +
        `Until then tiers.${tier}.limits.requests_per_minute: ${Math.max(1, Math.floor(passed * 60))} saves the refused calls.`,
    gain: throughputGain(
      stage,
      stage.arrivals_per_s,
      `a limit of ${need_rpm} requests a minute: arrivals, and the queue within a minute`,
    ),
  };
}
