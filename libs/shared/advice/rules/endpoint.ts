/** An endpoint answers slowly or not at all: one of several, or all beside what they were. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { EndpointLoad, Observation, StageLoad, TierFacts } from "../observation.ts";
import { CALLS_FULL, callsLimit, callsUtilisation, isBehind, learnedLimit, tightConnections } from "../standing.ts";
import { figure, percent, queueEvidence, throughputGain } from "../wording.ts";

const FAILED_MIN = 0.3;
const OPEN_MIN = 0.3;
/** Beside the others' median, and beside its own of the hour before. */
const SLOWER_THAN_OTHERS = 3;
const SLOWER_THAN_BEFORE = 2.5;
/** Of the calls under way: what holds fewer holds nothing up. */
const HELD_MIN = 0.25;

export function endpoints(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    const facts = observation.settings.tiers[stage.tier ?? ""];
    if (stage.calls === undefined || facts === undefined || !isBehind(stage, observation)) return [];
    const failing = failingOf(stage, facts);
    if (failing !== undefined) return [failing];
    // A slow endpoint limits where calls are what bounds, or where slowness has lowered what is allowed.
    if (callsUtilisation(stage) < CALLS_FULL && learnedLimit(stage) > 0.9) return [];
    const one = slowOne(stage, facts);
    // Calls that wait for a connection seem slow.
    if (one !== undefined || tightConnections(stage, observation) !== undefined) return one ?? [];
    return slowAll(stage) ?? [];
  });
}

function failingOf(stage: StageLoad, facts: TierFacts): RuleFinding | undefined {
  const all = stage.calls?.endpoints ?? [];
  const isFailing = (one: EndpointLoad): boolean =>
    one.breaker_open >= OPEN_MIN || (one.calls_per_s > 0 && one.failed_per_s / one.calls_per_s >= FAILED_MIN);
  const failing = all.filter(isFailing);
  const [worst] = failing.toSorted((one, other) => other.failed_per_s - one.failed_per_s);
  if (worst === undefined) return undefined;
  const rest = all.filter((one) => !isFailing(one));
  return {
    what: "failing_endpoint",
    stage: stage.name,
    severity: "bottleneck",
    strength: rest.length === 0 ? 1 : 0.7,
    summary: `${worst.name} fails ${percent(worst.failed_per_s / Math.max(worst.calls_per_s, 0.001))} of its calls; its breaker is open ${percent(worst.breaker_open)} of the time`,
    evidence: [...endpointEvidence(worst), ...queueEvidence(stage)],
    change:
      rest.length === 0
        ? `See why ${worst.name} fails (npx sluice tail --topic dlq, its own status page), or add another to tiers.${stage.tier}.endpoint.`
        : `Take it out until it is well: tiers.${stage.tier}.endpoint: [${facts.endpoints.filter((name) => name !== worst.name).join(", ")}].`,
    gain: throughputGain(stage, stage.arrivals_per_s, "everything that arrives, once its calls succeed"),
  };
}

function slowOne(stage: StageLoad, facts: TierFacts): readonly RuleFinding[] | undefined {
  const all = (stage.calls?.endpoints ?? []).filter(({ latency_ms }) => latency_ms > 0);
  const held = all.reduce((sum, { in_flight }) => sum + in_flight, 0);
  const [worst] = all.toSorted((one, other) => other.latency_ms - one.latency_ms);
  const others = all.filter((one) => one !== worst);
  const usual_ms = median(others.map(({ latency_ms }) => latency_ms));
  if (worst === undefined || usual_ms === undefined) return undefined;
  if (worst.latency_ms < usual_ms * SLOWER_THAN_OTHERS || worst.in_flight < held * HELD_MIN) return undefined;
  const fair = facts.balancing === "round_robin" || facts.balancing === "weighted";
  const without = (stage.calls === undefined ? 0 : callsLimit(stage.calls)) / (usual_ms / 1_000);
  const rest = facts.endpoints.filter((name) => name !== worst.name).join(", ");
  return [
    {
      what: "slow_endpoint",
      stage: stage.name,
      severity: "bottleneck",
      strength: Math.min(1, worst.latency_ms / usual_ms / 6),
      summary: `${worst.name} takes ${figure(worst.latency_ms)} ms where the others take ${figure(usual_ms)} ms, and holds ${percent(worst.in_flight / held)} of the calls under way`,
      evidence: [
        ...endpointEvidence(worst),
        { name: "others' latency", value: figure(usual_ms), unit: "ms" },
        ...queueEvidence(stage),
      ],
      change: fair
        ? `Set tiers.${stage.tier}.balancing: peak_ewma (it is ${facts.balancing}, which gives a slow endpoint as many calls), or take it out: tiers.${stage.tier}.endpoint: [${rest}].`
        : `Take it out until it is well: tiers.${stage.tier}.endpoint: [${rest}].`,
      gain: throughputGain(stage, without, `all of the ${figure(held)} calls under way at ${figure(usual_ms)} ms`),
    },
  ];
}

/** All are slower than they were. */
function slowAll(stage: StageLoad): readonly RuleFinding[] | undefined {
  const { calls } = stage;
  if (calls === undefined || calls.latency_ms === 0) return undefined;
  const before = median(calls.endpoints.flatMap(({ latency_before_ms }) => latency_before_ms ?? []));
  if (before === undefined || calls.latency_ms < before * SLOWER_THAN_BEFORE) return undefined;
  const names = calls.endpoints.map(({ name }) => name).join(", ");
  const factor = calls.latency_ms / before;
  return [
    {
      what: "slow_endpoint",
      stage: stage.name,
      severity: "bottleneck",
      strength: Math.min(1, factor / 5),
      summary: `calls to ${names} take ${figure(calls.latency_ms)} ms; in the hour before it was ${figure(before)} ms`,
      evidence: [
        { name: "latency", value: figure(calls.latency_ms), unit: "ms" },
        { name: "latency before", value: figure(before), unit: "ms" },
        { name: "calls under way", value: figure(calls.in_flight) },
        ...queueEvidence(stage),
      ],
      change: `Add another endpoint to tiers.${stage.tier}.endpoint, or let more calls wait at once while it lasts: tiers.${stage.tier}.in_flight_max: ${Math.ceil((calls.limit_max * factor) / Math.max(1, stage.members.length))}.`,
      gain: throughputGain(
        stage,
        stage.done_per_s * factor,
        `what is done now × ${figure(factor)}: the latency of before`,
      ),
    },
  ];
}

function endpointEvidence(one: EndpointLoad) {
  return [
    { name: "endpoint", value: one.name },
    { name: "latency", value: figure(one.latency_ms), unit: "ms" },
    { name: "calls", value: figure(one.calls_per_s), unit: "/s" },
    { name: "failed", value: figure(one.failed_per_s), unit: "/s" },
    { name: "calls under way", value: figure(one.in_flight) },
    { name: "breaker open", value: figure(one.breaker_open) },
  ];
}

function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}
