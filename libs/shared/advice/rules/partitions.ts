/** Work that cannot be shared out: too few partitions for the members, or one that has most of the work. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { HotKey, Observation, PartitionLoad, StageLoad } from "../observation.ts";
import {
  alive,
  busyMembers,
  CALLS_FULL,
  callsUtilisation,
  idleMembers,
  isBehind,
  LOOP_FULL,
  loopBusy,
  mainTopic,
} from "../standing.ts";
import { figure, percent, perSecond, queueEvidence, shortTopic, throughputGain } from "../wording.ts";

/** What members with work have in use, at the least: below it they could do more by themselves. */
const USED_MIN = 0.7;
/** Of the lag, or of what arrives, in one partition; and beside its fair share. */
const LAG_SHARE_MIN = 0.6;
const ARRIVAL_SHARE_MIN = 0.5;
const TIMES_FAIR_MIN = 2;
/** Of a partition's newest records, one key's. */
const HOT_KEY_MIN = 0.3;

export function tooFewPartitions(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    if (stage.rebalancing || !isBehind(stage, observation)) return [];
    const { topic, partitions } = mainTopic(stage);
    const [members, idle, busy] = [
      alive(stage, observation),
      idleMembers(stage, observation),
      busyMembers(stage, observation),
    ];
    if (idle.length > 0 && busy.length > 0 && partitions < members.length && isUsed(stage, observation)) {
      return [
        finding(
          stage,
          observation,
          topic,
          partitions,
          members.length,
          `${idle.length} of ${members.length} members have no partition to work on`,
          stage.done_per_s * (members.length / busy.length),
        ),
      ];
    }
    // Results takes one batch of a partition at a time: partitions bound what it does at once.
    const { results_in_flight_max } = observation.settings;
    const held = partitions / Math.max(1, members.length);
    if (stage.name === "results" && held < results_in_flight_max / 2 && loopBusy(stage, observation) < LOOP_FULL / 2) {
      return [
        finding(
          stage,
          observation,
          topic,
          partitions,
          members.length,
          `its ${members.length} members could work on ${results_in_flight_max} partitions each and have ${figure(held)}`,
          stage.done_per_s * (results_in_flight_max / held),
        ),
      ];
    }
    return [];
  });
}

/** Of those with work, slots or the event loop or calls. */
function isUsed(stage: StageLoad, observation: Observation): boolean {
  const busy = busyMembers(stage, observation);
  const limit = busy.reduce((all, one) => all + one.in_flight_limit, 0);
  const used = limit === 0 ? 0 : busy.reduce((all, one) => all + one.in_flight, 0) / limit;
  return used >= USED_MIN || loopBusy(stage, observation) >= LOOP_FULL || callsUtilisation(stage) >= CALLS_FULL / 2;
}

function finding(
  stage: StageLoad,
  { settings }: Observation,
  topic: string,
  partitions: number,
  members: number,
  why: string,
  to_per_s: number,
): RuleFinding {
  // Room for twice the members, so that the next step needs none.
  const wanted = Math.max(partitions * 2, members * 2);
  return {
    what: "too_few_partitions",
    stage: stage.name,
    severity: "bottleneck",
    strength: 0.9,
    summary: `${topic} has ${partitions} ${partitions === 1 ? "partition" : "partitions"}: ${why}`,
    evidence: [
      { name: "topic", value: topic },
      { name: "partitions", value: partitions },
      { name: "members", value: members },
      ...queueEvidence(stage),
    ],
    change:
      `Give it ${wanted} partitions: kafka-topics.sh --alter --topic ${topic} --partitions ${wanted}, and the same number in ` +
      `topics.overrides: { ${shortTopic(topic, settings.topic_prefix)}: { partitions: ${wanted} } }. Keys move to other partitions then.`,
    gain: throughputGain(stage, to_per_s, `what is done now, shared among all ${members} members`),
  };
}

/** Partitions that have far more than their share: their newest records say whether it is one key. */
export function skewedPartitions(
  observation: Observation,
): readonly { readonly stage: StageLoad; readonly load: PartitionLoad }[] {
  return observation.stages.flatMap((stage) => {
    if (!isBehind(stage, observation)) return [];
    const { topic } = mainTopic(stage);
    const own = stage.partitions.filter((one) => one.topic === topic);
    const [worst] = own.toSorted((one, other) => other.lag - one.lag);
    if (worst === undefined) return [];
    const total = own.reduce((all, { lag }) => all + lag, 0);
    const is_alone = own.length === 1;
    const is_skewed = worst.lag >= total * LAG_SHARE_MIN && worst.lag >= (total / own.length) * TIMES_FAIR_MIN;
    return is_alone || is_skewed ? [{ stage, load: worst }] : [];
  });
}

export function skewedKeys(observation: Observation): readonly RuleFinding[] {
  return skewedPartitions(observation).flatMap(({ stage, load }) => {
    const own = stage.partitions.filter(({ topic }) => topic === load.topic);
    const arrivals = own.reduce((all, { arrivals_per_s }) => all + arrivals_per_s, 0);
    const share = arrivals === 0 ? 0 : load.arrivals_per_s / arrivals;
    const hot = observation.hot_keys.find(
      ({ topic, partition }) => topic === load.topic && partition === load.partition,
    );
    const has_hot_key = (hot?.share ?? 0) >= HOT_KEY_MIN;
    const has_more = own.length > 1 && share >= ARRIVAL_SHARE_MIN && share * own.length >= TIMES_FAIR_MIN;
    // Of even arrivals, one partition's lag is its member's doing; and one key holds up nothing while all slots are in use by others.
    if (!has_hot_key && !has_more) return [];
    if (has_hot_key && !stage.batched && isUsed(stage, observation)) return [];
    if (!has_hot_key && stage.utilisation >= USED_MIN && idleMembers(stage, observation).length === 0) return [];
    return [skewed(stage, load, share, has_hot_key ? hot : undefined)];
  });
}

function skewed(stage: StageLoad, load: PartitionLoad, share: number, hot: HotKey | undefined): RuleFinding {
  const lag_share = stage.lag === 0 ? 0 : load.lag / stage.lag;
  const serial_per_s = stage.service_ms > 0 ? 1_000 / stage.service_ms : stage.done_per_s;
  const place = `partition ${load.partition} of ${load.topic}`;
  const key = hot?.key === undefined ? "one key" : `the key ${hot.key}`;
  return {
    what: "skewed_key",
    stage: stage.name,
    severity: "bottleneck",
    strength: hot === undefined ? 0.6 : Math.min(1, 0.6 + hot.share / 2),
    summary:
      hot === undefined
        ? `${place} has ${percent(share)} of what arrives and ${percent(lag_share)} of what waits`
        : `${key} has ${percent(hot.share)} of ${place}, which has ${percent(lag_share)} of what waits; records of a key go one after another, ${perSecond(serial_per_s)}`,
    evidence: [
      { name: "partition", value: `${load.topic}/${load.partition}` },
      { name: "share of arrivals", value: figure(share) },
      { name: "share of lag", value: figure(lag_share) },
      ...(hot === undefined
        ? []
        : [
            ...(hot.key === undefined ? [] : [{ name: "key", value: hot.key }]),
            { name: "key's share of the newest records", value: figure(hot.share) },
            { name: "records looked at", value: hot.records },
          ]),
      { name: "slots in use", value: figure(stage.utilisation) },
      ...queueEvidence(stage),
    ],
    change:
      hot === undefined
        ? "Let the producer spread its keys: leave session out where order does not matter, or check its partitioner."
        : `Split that session into several (or leave session out where order does not matter): the order within a key is kept by doing one at a time.` +
          (hot.key === undefined ? " npx sluice advise --keys names it." : ""),
    gain: throughputGain(
      stage,
      stage.arrivals_per_s,
      `its records side by side: ${figure(stage.in_flight_limit)} slots are there and ${figure(stage.in_flight)} are in use`,
    ),
  };
}
