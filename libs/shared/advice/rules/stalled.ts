/** A member that holds partitions and does nothing with them; or a group that nobody is in. Pure. */
import type { RuleFinding } from "../finding.ts";
import type { MemberLoad, Observation, StageLoad } from "../observation.ts";
import { SILENT_BEATS } from "../standing.ts";
import { figure, queueEvidence, throughputGain } from "../wording.ts";

const LAG_MIN = 5;

export function stalledConsumers(observation: Observation): readonly RuleFinding[] {
  return observation.stages.flatMap((stage) => {
    // Who holds what is being decided: what seems to stand still may be on its way to another member.
    if (stage.rebalancing) return [];
    if (stage.members.length === 0) return stage.lag >= LAG_MIN ? [noConsumer(stage)] : [];
    return stage.members.flatMap((member) => {
      const how = stalledHow(stage, member, observation);
      return how === undefined ? [] : [stalled(stage, member, how, observation)];
    });
  });
}

type How = "silent" | "idle";

/** A long call is no stall: what is in flight is worked on, as long as the process gives signs of life. */
function stalledHow(stage: StageLoad, member: MemberLoad, { settings }: Observation): How | undefined {
  const stands_still = member.lag >= LAG_MIN && member.done_per_s === 0;
  if (member.partitions === 0 || !stands_still) return undefined;
  if (member.silent_ms > SILENT_BEATS * settings.beat_ms) {
    // Processes of a version without beats are silent too: what tells is that others of the stage are not, or that nothing is done at all.
    return "silent";
  }
  const others_work = stage.members.some((other) => other !== member && other.done_per_s > 0);
  return member.in_flight < 1 && (others_work || stage.done_per_s === 0) ? "idle" : undefined;
}

function stalled(stage: StageLoad, member: MemberLoad, how: How, { settings }: Observation): RuleFinding {
  const { instance, pid, host } = member;
  const process = pid === undefined ? instance : `${instance} (pid ${pid}${host === undefined ? "" : ` on ${host}`})`;
  const seconds = Number.isFinite(member.silent_ms) ? `for ${figure(member.silent_ms / 1_000)} s` : "";
  const held = `holds ${member.partitions} partitions with ${member.lag} records and finishes none`;
  const served = stage.members.filter((other) => other.done_per_s > 0).length;
  const to = served === 0 ? stage.arrivals_per_s : stage.done_per_s + member.arrivals_per_s;
  return {
    what: "stalled_consumer",
    stage: stage.name,
    severity: "bottleneck",
    strength: how === "silent" ? 1 : 0.8,
    summary:
      how === "silent"
        ? `${instance} has given no sign of life ${seconds}`.trimEnd().concat(`, and ${held}`)
        : `${instance} lives, but ${held}`,
    evidence: [
      { name: "instance", value: instance },
      ...(pid === undefined ? [] : [{ name: "pid", value: pid }]),
      {
        name: "silent",
        value: Number.isFinite(member.silent_ms) ? figure(member.silent_ms / 1_000) : "always",
        unit: "s",
      },
      { name: "its partitions", value: member.partitions },
      { name: "its lag", value: member.lag, unit: "records" },
      { name: "its arrivals", value: figure(member.arrivals_per_s), unit: "/s" },
      ...queueEvidence(stage),
    ],
    change:
      `End ${process} (kill -9 ends a stopped one too); its partitions go to others within ` +
      `consumption.session_timeout_ms (${settings.session_timeout_ms}). Its log says what it did last.`,
    gain: throughputGain(stage, to, "what is done now, and what arrives in its partitions"),
  };
}

function noConsumer(stage: StageLoad): RuleFinding {
  const [service = stage.service] = stage.name.split(".");
  return {
    what: "no_consumer",
    stage: stage.name,
    severity: "bottleneck",
    strength: 1,
    summary: `nobody is a member of ${stage.group}, and ${stage.lag} records wait`,
    evidence: queueEvidence(stage),
    change:
      stage.tier === undefined
        ? `Start the service ${service}: npx sluice up, or services/${service}/main.ts.`
        : `Start an inference worker that serves the tier ${stage.tier} (SLUICE_TIERS unset, or with ${stage.tier} in it).`,
    gain: throughputGain(stage, stage.arrivals_per_s, "everything that arrives, as long as one process can do it"),
  };
}
