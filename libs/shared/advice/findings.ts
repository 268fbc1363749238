/**
 * All that limits, the true bottleneck first.
 *
 * Topics hold what waits, so no stage holds up the one before it: each whose queue grows limits by itself. What comes out at the end is what the
 * last of them lets through (Goldratt's bottleneck; the saturated server of a tandem queue): making an earlier one quicker only moves its queue.
 * So findings of the last stage with a long queue come first, and of one stage the cause that explains most: what stands still, then what it
 * waits for, then what it may do at once. A cause further up that alone makes too much work for the last stage (a cold cache) goes before it.
 * Pure.
 */
import type { Finding, FindingKind, RuleFinding } from "./finding.ts";
import type { Observation, StageLoad } from "./observation.ts";
import { coldCache } from "./rules/cache.ts";
import { slowDependencies } from "./rules/dependency.ts";
import { endpoints } from "./rules/endpoint.ts";
import { skewedKeys, tooFewPartitions } from "./rules/partitions.ts";
import { smallBatches, undersizedPools } from "./rules/pools.ts";
import { cpuBound, tooFewReplicas } from "./rules/processes.ts";
import { providerLimits } from "./rules/provider.ts";
import { stalledConsumers } from "./rules/stalled.ts";
import { clearing_s, isBehind, isCatchingUp } from "./standing.ts";
import { figure, percent, perSecond, queueEvidence } from "./wording.ts";

const RULES = [
  stalledConsumers,
  slowDependencies,
  providerLimits,
  endpoints,
  skewedKeys,
  smallBatches,
  tooFewPartitions,
  cpuBound,
  undersizedPools,
  coldCache,
  tooFewReplicas,
];

/** Of one stage, from what explains most to what explains least: each is tested only for what those before it leave open. */
const PRECEDENCE: Readonly<Record<FindingKind, number>> = {
  ...{ cold_cache: 70, no_consumer: 69, stalled_consumer: 68, dependency_slow: 64, failing_endpoint: 60 },
  ...{ provider_limit: 56, slow_endpoint: 52, skewed_key: 48, small_batches: 44, too_few_partitions: 40 },
  ...{ cpu_bound: 36, undersized_pool: 32, too_few_replicas: 10, catching_up: 2, nothing_limits: 0 },
};

/** A queue of so large a part of the longest counts as long too. */
const LONG_SHARE = 0.25;
const LAST_STAGE_BONUS = 25;

/** At least one. */
export function findingsOf(observation: Observation): readonly Finding[] {
  const found = RULES.flatMap((rule) => rule(observation));
  const causes = found.filter(({ what, stage }) => what !== "too_few_replicas" || !isExplained(found, stage));
  const last = lastLongStage(observation);
  const ranked = causes
    .map((finding) => scored(finding, last))
    .sort((one, other) => other.score - one.score || PRECEDENCE[other.what] - PRECEDENCE[one.what]);
  const notes = observation.stages.filter(isCatchingUp).map(catchingUp);
  if (ranked.some(({ severity }) => severity === "bottleneck")) return [...ranked, ...notes];
  return [...ranked, ...notes, nothingLimits(observation)];
}

/** True where work waits for something that can be changed. */
export function hasBottleneck(findings: readonly Finding[]): boolean {
  return findings.some(({ severity }) => severity === "bottleneck");
}

function isExplained(found: readonly RuleFinding[], stage: string): boolean {
  return found.some(
    (other) => other.what !== "too_few_replicas" && other.what !== "cold_cache" && other.stage === stage,
  );
}

/** The last stage among those with a long queue: what is done there is what comes out. */
function lastLongStage(observation: Observation): string | undefined {
  const behind = observation.stages.filter((stage) => isBehind(stage, observation));
  const longest_s = Math.max(0, ...behind.map(clearing_s));
  const long = behind.filter((stage) => clearing_s(stage) >= longest_s * LONG_SHARE);
  const [last] = long.toSorted((one, other) => other.order - one.order || clearing_s(other) - clearing_s(one));
  return last?.name;
}

function scored({ strength, ...finding }: RuleFinding, last: string | undefined): Finding {
  const { what, severity, stage } = finding;
  if (severity !== "bottleneck") return { ...finding, score: Math.round(PRECEDENCE[what] / 10 + strength * 5) };
  // Upstream of the queue that it makes; a cache that is cold, yet not all of the cause, stands behind the stage's own causes.
  const is_first = stage === last || what === "cold_cache";
  const base = what === "cold_cache" && strength < 1 ? PRECEDENCE.too_few_replicas + 1 : PRECEDENCE[what];
  return { ...finding, score: Math.min(100, Math.round(base + (is_first ? LAST_STAGE_BONUS : 0) + strength * 3)) };
}

function catchingUp(stage: StageLoad): Finding {
  return {
    what: "catching_up",
    stage: stage.name,
    severity: "note",
    score: PRECEDENCE.catching_up,
    summary: `${stage.lag} records wait, and get fewer by ${perSecond(-stage.growth_per_s)}: gone in ${figure(stage.lag / -stage.growth_per_s)} s`,
    evidence: queueEvidence(stage),
    change: "Nothing: it works off what waited.",
    gain: null,
  };
}

/** What would limit first, were there more: the stage that uses most of what it may. */
function nothingLimits(observation: Observation): Finding {
  const used = (stage: StageLoad): number => {
    const loop = Math.max(0, ...stage.members.map(({ loop_busy }) => loop_busy));
    return Math.max(loop, stage.batched ? 0 : stage.utilisation);
  };
  const [next] = observation.stages
    .filter(({ done_per_s }) => done_per_s > 0)
    .toSorted((one, other) => used(other) - used(one));
  const share = next === undefined ? 0 : used(next);
  return {
    what: "nothing_limits",
    stage: "pipeline",
    severity: "note",
    score: 0,
    summary:
      next === undefined
        ? "nothing arrives, and nothing waits"
        : `no queue grows; ${next.name} would be the first to, at ${percent(share)} of what it may do`,
    evidence: observation.stages.map((stage) => ({ name: `${stage.name} in use`, value: figure(used(stage)) })),
    change: "Nothing.",
    gain:
      next === undefined || share < 0.02
        ? null
        : {
            what: `${next.name} before it limits`,
            unit: "records/s",
            from: figure(next.done_per_s),
            to: figure(next.done_per_s / share),
            how: `${perSecond(next.done_per_s)} at ${percent(share)}, in proportion`,
          },
  };
}
