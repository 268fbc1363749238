/** A stage whose processes have no time left, or are too few. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { Observation, PoolLoad, StageLoad } from "../observation.ts";
import {
  alive,
  busyMembers,
  CALLS_FULL,
  callsUtilisation,
  isBehind,
  LOOP_FULL,
  loopBusy,
  mainTopic,
} from "../standing.ts";
import { figure, percent, queueEvidence, throughputGain } from "../wording.ts";

const POOL_FULL = 0.9;
const USED_MIN = 0.7;
/** What processes are to be used to, once there are enough. */
const TARGET = 0.8;

export function cpuBound(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    if (!isBehind(stage, observation)) return [];
    const loop = loopBusy(stage, observation);
    const embedding = observation.settings.embedding.remote ? undefined : fullPool(stage, "embedding");
    if (loop < LOOP_FULL && embedding === undefined) return [];
    return [finding(stage, observation, loop, embedding)];
  });
}

function finding(
  stage: StageLoad,
  observation: Observation,
  loop: number,
  embedding: PoolLoad | undefined,
): RuleFinding {
  const busy = busyMembers(stage, observation);
  const cores = busy.reduce((all, { cpu_cores }) => all + cpu_cores, 0);
  const wanted = replicasFor(stage, busy.length);
  const { workers } = observation.settings.embedding;
  return {
    what: "cpu_bound",
    stage: stage.name,
    severity: "bottleneck",
    strength: Math.min(1, Math.max(loop, embedding === undefined ? 0 : 0.9)),
    summary:
      embedding === undefined
        ? `the event loop of ${stage.service} works ${percent(loop)} of the time: the process has none left`
        : `all ${figure(embedding.limit)} embedding threads of ${stage.service} work, and ${figure(embedding.waiting)} texts wait for them`,
    evidence: [
      { name: "event loop busy", value: figure(loop) },
      { name: "cores used", value: figure(cores) },
      { name: "processes", value: busy.length },
      ...(embedding === undefined
        ? []
        : [
            { name: "embedding threads in use", value: figure(embedding.in_use) },
            { name: "texts waiting", value: figure(embedding.waiting) },
          ]),
      ...queueEvidence(stage),
    ],
    change: [
      `Run more: npx sluice up --scale ${stage.service}=${wanted}, on cores that are free${partitionNote(stage, wanted)}.`,
      ...(embedding === undefined
        ? []
        : [
            `Or embed elsewhere: cache.semantic.embedding.endpoint, or with more threads (cache.semantic.embedding.workers is ${workers}), or not at all (cache.semantic.enabled: false).`,
          ]),
    ].join(" "),
    gain: throughputGain(
      stage,
      (stage.done_per_s * wanted) / Math.max(1, busy.length),
      `what a process does now, times ${wanted} processes`,
    ),
  };
}

/** Nothing else explains it: its slots are in use, and there are partitions for more members. */
export function tooFewReplicas(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    if (!isBehind(stage, observation)) return [];
    const members = alive(stage, observation).length;
    const used = stage.utilisation >= USED_MIN || callsUtilisation(stage) >= CALLS_FULL;
    const wanted = replicasFor(stage, Math.max(1, members));
    return [
      {
        what: "too_few_replicas",
        stage: stage.name,
        severity: "bottleneck",
        strength: used ? 0.8 : 0.2,
        summary: used
          ? `${stage.name} uses ${percent(stage.utilisation)} of what its ${members} processes may do at once`
          : `${stage.name} is behind, and neither its slots, its processor nor what it waits for says why`,
        evidence: [
          { name: "slots in use", value: figure(stage.utilisation) },
          { name: "processes", value: members },
          { name: "event loop busy", value: figure(loopBusy(stage, observation)) },
          { name: "a record takes", value: figure(stage.service_ms), unit: "ms" },
          ...queueEvidence(stage),
        ],
        change: `Run more: npx sluice up --scale ${stage.service}=${wanted}${partitionNote(stage, wanted)}.`,
        gain: throughputGain(
          stage,
          (stage.done_per_s * wanted) / Math.max(1, members),
          `what a process does now, times ${wanted}`,
        ),
      },
    ];
  });
}

function replicasFor(stage: StageLoad, processes: number): number {
  const each = stage.done_per_s / Math.max(1, processes);
  const wanted = each === 0 ? processes + 1 : Math.ceil(stage.arrivals_per_s / each / TARGET);
  // More than three times as many at once is no advice that two looks bear.
  return Math.max(processes + 1, Math.min(wanted, processes * 3));
}

function partitionNote(stage: StageLoad, wanted: number): string {
  const { topic, partitions } = mainTopic(stage);
  return partitions >= wanted
    ? ""
    : `; ${topic} has ${partitions} partitions, and needs as many as there are processes`;
}

/** In use to the last, with some in line for it. */
export function fullPool(stage: StageLoad, kind: string): PoolLoad | undefined {
  return stage.pools.find(
    ({ name, in_use, limit, waiting }) =>
      (name === kind || name.startsWith(`${kind}.`) || name.startsWith(`${kind}:`)) &&
      limit > 0 &&
      in_use >= limit * POOL_FULL &&
      waiting > 0,
  );
}
