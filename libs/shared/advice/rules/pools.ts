/** What is bounded by a setting that is too small, while what stands behind it is neither slow nor limiting; and calls that carry too little. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { Observation, StageLoad } from "../observation.ts";
import {
  alive,
  CALLS_FULL,
  callsUtilisation,
  isBehind,
  learnedLimit,
  needed_per_s,
  tightConnections,
} from "../standing.ts";
import { figure, percent, perSecond, queueEvidence, throughputGain } from "../wording.ts";
import { fullPool } from "./processes.ts";

/** Below it the provider's own refusals or slowness have lowered what is allowed. */
const LEARNED_MIN = 0.9;
const POSTGRES_SLOW_MS = 50;
/** Twice what is needed by Little's law: arrivals come in bursts. */
const MARGIN = 1.5;
const BATCH_SMALL = 8;
const BATCH_WANTED = 64;
/** What calls carry in practice, of what they may. */
const BATCH_FILLED = 0.7;

export function undersizedPools(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    if (!isBehind(stage, observation)) return [];
    return callsPool(stage, observation) ?? postgresPool(stage) ?? [];
  });
}

function callsPool(stage: StageLoad, observation: Observation): readonly RuleFinding[] | undefined {
  const { calls, tier = "" } = stage;
  const facts = observation.settings.tiers[tier];
  if (calls === undefined || facts === undefined) return undefined;
  const connections = tightConnections(stage, observation);
  const full = callsUtilisation(stage) >= CALLS_FULL && learnedLimit(stage) >= LEARNED_MIN;
  if (!full && connections === undefined) return undefined;
  const workers = Math.max(1, alive(stage, observation).length);
  // Little's law: calls under way = calls a second × latency.
  const under_way = (needed_per_s(stage) / Math.max(1, calls.batch_mean)) * (calls.latency_ms / 1_000) * MARGIN;
  const wanted = Math.max(facts.in_flight_max + 1, Math.ceil(under_way / workers));
  const name = connections === undefined ? `tiers.${tier}.in_flight_max` : `endpoints.${connections}.connections_max`;
  const now = connections === undefined ? facts.in_flight_max : (facts.connections_max[connections] ?? 0);
  return [
    {
      what: "undersized_pool",
      stage: stage.name,
      severity: "bottleneck",
      strength: callsUtilisation(stage),
      summary: `${name} (${now}) is in use to ${percent(callsUtilisation(stage))}, while calls take their usual ${figure(calls.latency_ms)} ms and none is refused`,
      evidence: [
        { name: "setting", value: name },
        { name: "is", value: now },
        { name: "calls under way", value: figure(calls.in_flight) },
        { name: "latency", value: figure(calls.latency_ms), unit: "ms" },
        { name: "workers", value: workers },
        ...queueEvidence(stage),
      ],
      change: `Set ${name}: ${wanted}. Each worker has that many to itself, so more workers do as well.`,
      gain: throughputGain(
        stage,
        (stage.done_per_s * wanted) / Math.max(1, now),
        `${wanted} calls under way for each worker instead of ${now}, at ${figure(calls.latency_ms)} ms each`,
      ),
    },
  ];
}

function postgresPool(stage: StageLoad): readonly RuleFinding[] | undefined {
  const pool = fullPool(stage, "postgres");
  const slow = stage.dependencies.some(({ name, mean_ms }) => name === "postgres" && mean_ms >= POSTGRES_SLOW_MS);
  if (pool === undefined || slow) return undefined;
  const setting = stage.service === "results" ? "results.partitions_in_flight_max" : "the pool's size";
  const wanted = Math.ceil((pool.in_use + pool.waiting) * MARGIN);
  return [
    {
      what: "undersized_pool",
      stage: stage.name,
      severity: "bottleneck",
      strength: 0.9,
      summary: `all ${figure(pool.limit)} connections to Postgres are in use and ${figure(pool.waiting)} wait, while it answers quickly`,
      evidence: [
        { name: "in use", value: figure(pool.in_use) },
        { name: "limit", value: figure(pool.limit) },
        { name: "waiting", value: figure(pool.waiting) },
        ...queueEvidence(stage),
      ],
      change: `Raise ${setting}, for ${wanted} connections in all (Postgres allows max_connections), or run more ${stage.service} processes.`,
      gain: throughputGain(
        stage,
        (stage.done_per_s * wanted) / pool.limit,
        `${wanted} connections instead of ${figure(pool.limit)}`,
      ),
    },
  ];
}

/** Calls are what bounds, and each carries less than it could. Chat requests have a call each: nothing is to be won there. */
export function smallBatches(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    const { calls, tier = "" } = stage;
    const facts = observation.settings.tiers[tier];
    if (calls === undefined || facts?.kind !== "embeddings" || !isBehind(stage, observation)) return [];
    if (callsUtilisation(stage) < CALLS_FULL || calls.batch_mean > BATCH_SMALL) return [];
    const is_bound_by_size = facts.batch_size_max <= calls.batch_mean * 2;
    const wanted = is_bound_by_size ? Math.max(BATCH_WANTED, facts.batch_size_max * 4) : facts.batch_size_max;
    const to = calls.calls_per_s * wanted * BATCH_FILLED;
    return [
      {
        what: "small_batches",
        stage: stage.name,
        severity: "bottleneck",
        strength: is_bound_by_size ? 1 : 0.7,
        summary: `${perSecond(calls.calls_per_s)} calls carry ${figure(calls.batch_mean)} requests each, and no more calls fit at once`,
        evidence: [
          { name: "requests of a call", value: figure(calls.batch_mean) },
          { name: "size_max", value: facts.batch_size_max },
          { name: "calls", value: figure(calls.calls_per_s), unit: "/s" },
          { name: "calls under way of those allowed", value: figure(callsUtilisation(stage)) },
          ...queueEvidence(stage),
        ],
        change: is_bound_by_size
          ? `Set tiers.${tier}.batching.size_max: ${wanted}.`
          : `Let the first of a call wait for others: tiers.${tier}.batching.wait_ms: 20; see that the keys are many, and that batching.bytes_max and tokens_max leave room.`,
        gain: throughputGain(stage, to, `as many calls, with ${Math.round(wanted * BATCH_FILLED)} requests each`),
      },
    ];
  });
}
