/** One run: a scenario under the faults of one seed, to its rest, with every invariant checked on the way and at the end. */
import { SimulatedCluster } from "./cluster.ts";
import { Faults } from "./faults.ts";
import type { Invariant, Violation } from "./invariants.ts";
import { Random } from "./random.ts";
import type { Plant, Scenario, ScenarioFactory } from "./scenario.ts";
import { type RunSettings, Supervisor } from "./supervisor.ts";
import { type Counts, Trace, type TraceLine } from "./trace.ts";
import { RUN_START_MS, VirtualClock } from "./virtual-clock.ts";

export type RunOptions = {
  readonly seed: number;
  readonly scenario: ScenarioFactory;
  readonly plant?: Plant;
  /** Keeps the trace's lines. */
  readonly keep_trace?: boolean;
};

export type RunReport = {
  readonly seed: number;
  readonly violation: Violation | undefined;
  readonly counts: Counts;
  readonly events: number;
  readonly virtual_ms: number;
  readonly hash: string;
  readonly trace: readonly TraceLine[];
};

/** Faults end here; then all must come to rest within the time below. */
const CHAOS_MS_MAX = 30_000;
const REST_MS_MAX = 300_000;
const REST_CHECK_MS = 500;
const RECORD_BYTES_MAX = 8_192;

export async function runSeed(options: RunOptions): Promise<RunReport> {
  const random = new Random(options.seed);
  const clock = new VirtualClock(RUN_START_MS);
  const trace = new Trace(() => clock.now_ms() - RUN_START_MS, options.keep_trace === true);
  const calm_at_ms = RUN_START_MS + random.int(5_000, CHAOS_MS_MAX);
  const faults = new Faults({ random: random.fork(), clock, calm_at_ms });
  const settings = drawSettings(random, options.plant === "early-commit");

  let violation: Violation | undefined;
  let scenario: Scenario | undefined;
  const check = (look: (invariant: Invariant) => Violation | undefined): void => {
    for (const invariant of scenario?.invariants ?? []) violation ??= look(invariant);
  };
  const cluster = new SimulatedCluster({
    clock,
    trace,
    rebalance_timeout_ms: settings.session_timeout_ms * 2,
    record_bytes_max: RECORD_BYTES_MAX,
    onCommit: (group, after, before) => check((one) => one.onCommit?.({ group, after, before }, cluster.log)),
    onAppend: (record, transaction) => {
      scenario?.onAppend?.(record, transaction);
      check((one) => one.onAppend?.(record, transaction));
      const subject = trace.kept ? (scenario?.subjectOf(record) ?? "") : "";
      const how = transaction === undefined ? "" : " in a transaction";
      trace.note("log", `${record.topic}/${record.partition}@${record.offset} written${how}`, subject);
    },
  });
  scenario = options.scenario({
    random: random.fork(),
    clock,
    cluster,
    chaos_ms: calm_at_ms - RUN_START_MS,
    plant: options.plant,
  });
  for (const [topic, partitions] of Object.entries(scenario.topics)) cluster.log.createTopic(topic, partitions);

  const supervisor = new Supervisor({
    clock,
    random: random.fork(),
    faults,
    trace,
    cluster,
    settings,
    onMember: (event) => check((one) => one.onMember?.(event)),
  });
  supervisor.start(scenario.services);
  for (const { at_ms, record } of scenario.inputs) clock.after(at_ms, () => void cluster.log.append(record));
  scheduleDisturbances(random.fork(), clock, supervisor, calm_at_ms);

  const rested = await toRest(clock, cluster, supervisor, scenario, calm_at_ms, () => violation !== undefined);
  if (violation === undefined && !rested) {
    check((one) => one.atEnd?.(cluster.log));
    violation = stuck(cluster, scenario, violation);
  }
  if (violation === undefined) check((one) => one.atEnd?.(cluster.log));
  return {
    seed: options.seed,
    violation,
    counts: trace.counts,
    events: clock.events,
    virtual_ms: clock.now_ms() - RUN_START_MS,
    hash: trace.hash,
    trace: trace.lines,
  };
}

function drawSettings(random: Random, plant_early_commit: boolean): RunSettings {
  const session_timeout_ms = random.int(1_000, 6_000);
  return {
    session_timeout_ms,
    // Longer than a rebalance may take.
    watchdog_ms: session_timeout_ms * random.int(3, 6),
    commit_interval_ms: random.int(50, 2_000),
    fetch_partition_bytes_max: random.int(500, 10_000),
    transaction_timeout_ms: random.int(2_000, 10_000),
    producer: { request_records_max: random.int(2, 50), request_bytes_max: random.int(1_000, 20_000) },
    plant_early_commit,
  };
}

/** Crashes, stalls and replacements at random moments, beside those that `call` draws. */
function scheduleDisturbances(random: Random, clock: VirtualClock, supervisor: Supervisor, calm_at_ms: number): void {
  const disturbances = random.chance(0.2) ? 0 : random.int(1, 12);
  for (let index = 0; index < disturbances; index += 1) {
    clock.after(random.int(500, calm_at_ms - RUN_START_MS), () => supervisor.disturb());
  }
}

/** @returns false when lag was left after all the time there is. */
function toRest(
  clock: VirtualClock,
  cluster: SimulatedCluster,
  supervisor: Supervisor,
  scenario: Scenario,
  calm_at_ms: number,
  broken: () => boolean,
): Promise<boolean> {
  let rested = false;
  const last_input_ms = Math.max(0, ...scenario.inputs.map(({ at_ms }) => at_ms));
  const look = (): void => {
    const all_done = scenario.services.every(
      ({ group, topics }) => cluster.lag(group, Object.keys(topics)) === 0 && cluster.group(group).stable,
    );
    if (all_done && supervisor.idle && (scenario.isAtRest?.() ?? true)) rested = true;
    else clock.after(REST_CHECK_MS, look);
  };
  clock.after(Math.max(calm_at_ms - RUN_START_MS, last_input_ms) + REST_CHECK_MS, look);
  return clock.run(() => rested || broken(), calm_at_ms + REST_MS_MAX).then(() => rested);
}

/** @param because what does not hold either, such as a request without a Result. */
function stuck(cluster: SimulatedCluster, scenario: Scenario, because: Violation | undefined): Violation {
  const lags = scenario.services
    .map(({ group, topics }) => `${group} ${cluster.lag(group, Object.keys(topics))}`)
    .join(", ");
  const message = `no rest ${REST_MS_MAX / 1_000} s after the last fault; lag: ${lags}`;
  if (because === undefined) return { invariant: "liveness", message };
  return { ...because, invariant: "liveness", message: `${message}; ${because.invariant}: ${because.message}` };
}
