/** Redis, Postgres, Kafka or the registry answers slowly, and a stage that is behind spends its time waiting for it. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { DependencyLoad, Observation, StageLoad } from "../observation.ts";
import { isBehind, LOOP_FULL, loopBusy } from "../standing.ts";
import { figure, percent, queueEvidence, throughputGain } from "../wording.ts";

/** Above it an operation is slow, mean: a few times what a part in the same network takes. */
const SLOW_MS: Readonly<Record<string, number>> = {
  redis: 10,
  postgres: 50,
  kafka: 100,
  registry: 200,
  embedding: 500,
};
/** Of the stage's time. */
const SHARE_MIN = 0.3;
const CALLS_MIN = 5;

const LOOK_AT: Readonly<Record<string, string>> = {
  redis: "redis-cli --latency and SLOWLOG GET: its network, its CPU (one core), big keys, AOF fsync, memory that swaps",
  postgres: "pg_stat_activity: locks, disk, checkpoints, missing ANALYZE",
  kafka: "the brokers' disks and request queues, min.insync.replicas followers that lag, quotas",
  registry: "SCHEMA_REGISTRY_URL",
  embedding: "the endpoint of cache.semantic.embedding",
};

export function slowDependencies(observation: Observation): readonly RuleFinding[] {
  const hits = observation.stages.flatMap((stage) =>
    isBehind(stage, observation) && loopBusy(stage, observation) < LOOP_FULL
      ? stage.dependencies.flatMap((load) => (isSlow(load, observation) ? [{ stage, load }] : []))
      : [],
  );
  // One cause behind several stages is one finding, at the last of them: what is done there is what comes out.
  return [...Map.groupBy(hits, ({ load }) => load.name).values()].flatMap((own) => {
    const [worst] = own.toSorted((one, other) => other.stage.order - one.stage.order);
    return worst === undefined
      ? []
      : [
          finding(
            worst.stage,
            worst.load,
            own.map(({ stage }) => stage.name),
          ),
        ];
  });
}

function isSlow({ name, mean_ms, share, calls_per_s }: DependencyLoad, { seconds, settings }: Observation): boolean {
  // A model in the process is no part to wait for: that is CPU.
  if (name === "embedding" && !settings.embedding.remote) return false;
  const slow_ms = SLOW_MS[name];
  return slow_ms !== undefined && mean_ms >= slow_ms && share >= SHARE_MIN && calls_per_s * seconds >= CALLS_MIN;
}

function finding(
  stage: StageLoad,
  { name, mean_ms, share, calls_per_s }: DependencyLoad,
  stages: readonly string[],
): RuleFinding {
  const normal_ms = (SLOW_MS[name] ?? 0) / 5;
  const saved = Math.min(0.95, share * (1 - Math.min(1, normal_ms / mean_ms)));
  return {
    what: "dependency_slow",
    stage: stage.name,
    severity: "bottleneck",
    strength: Math.min(1, share),
    summary: `${name} takes ${figure(mean_ms)} ms an operation, and ${stage.name} spends ${percent(share)} of its time waiting for it`,
    evidence: [
      { name: "dependency", value: name },
      { name: "mean", value: figure(mean_ms), unit: "ms" },
      { name: "slow from", value: SLOW_MS[name] ?? 0, unit: "ms" },
      { name: "operations", value: figure(calls_per_s), unit: "/s" },
      { name: "share of its time", value: figure(share) },
      { name: "stages that wait for it", value: stages.join(", ") },
      ...queueEvidence(stage),
    ],
    change: `Look at ${LOOK_AT[name] ?? name}. More ${stage.service} processes only wait side by side.`,
    gain: throughputGain(
      stage,
      stage.done_per_s / (1 - saved),
      `its waits at ${figure(normal_ms)} ms an operation instead of ${figure(mean_ms)} ms`,
    ),
  };
}
