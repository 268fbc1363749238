/**
 * How a stage stands: behind or not, and by what it is bound. A stage is a queue with servers (M/G/c): its queue grows when more arrives than
 * its servers finish. Topics hold what waits, so no stage is held up by the next one: a stage that is behind limits by itself. Pure.
 */
import type { CallLoad, MemberLoad, Observation, StageLoad } from "./observation.ts";

/** Less than that waits anywhere, at any time. */
const LAG_MIN = 10;
/** Of what arrives: less is what two looks differ by anyhow. */
const GROWTH_SHARE_MIN = 0.15;
const GROWTH_PER_S_MIN = 1;

/** Its queue grows, or what is in it waits for longer than it should. */
export function isBehind(stage: StageLoad, { settings }: Pick<Observation, "settings">): boolean {
  return isGrowing(stage) || (isWaiting(stage, settings.target_age_ms) && !isCatchingUp(stage));
}

function isGrowing({ lag, growth_per_s, arrivals_per_s }: StageLoad): boolean {
  return lag >= LAG_MIN && growth_per_s >= Math.max(GROWTH_PER_S_MIN, arrivals_per_s * GROWTH_SHARE_MIN);
}

/** What waited gets less, quickly enough to be gone within two minutes. */
export function isCatchingUp({ lag, growth_per_s, arrivals_per_s }: StageLoad): boolean {
  const shrinks = growth_per_s <= -Math.max(GROWTH_PER_S_MIN, arrivals_per_s * GROWTH_SHARE_MIN);
  return lag >= LAG_MIN && shrinks && lag / -growth_per_s <= CATCH_UP_S_MAX;
}

const CATCH_UP_S_MAX = 120;

/** More than is being worked on, and older than working on it explains. */
function isWaiting({ lag, in_flight, oldest_age_ms, service_ms }: StageLoad, target_age_ms: number): boolean {
  return lag - in_flight >= LAG_MIN && oldest_age_ms >= target_age_ms + 2 * service_ms;
}

/** How long it would take to finish what is there, were nothing to come. */
export function clearing_s({ lag, done_per_s }: StageLoad): number {
  return lag / Math.max(0.1, done_per_s);
}

/** Members that say that they are alive. */
export function alive(stage: StageLoad, { settings }: Pick<Observation, "settings">): readonly MemberLoad[] {
  return stage.members.filter(({ silent_ms }) => silent_ms <= SILENT_BEATS * settings.beat_ms);
}

/** So many beats may be missed by chance: a garbage collection, a slow Redis. */
export const SILENT_BEATS = 3;

/** Those that have something to do. */
export function busyMembers(stage: StageLoad, observation: Pick<Observation, "settings">): readonly MemberLoad[] {
  return alive(stage, observation).filter(({ arrivals_per_s, lag }) => arrivals_per_s > 0 || lag > 0);
}

/** Those whose partitions bring nothing, or that have none. */
export function idleMembers(stage: StageLoad, observation: Pick<Observation, "settings">): readonly MemberLoad[] {
  return alive(stage, observation).filter(({ arrivals_per_s, lag }) => arrivals_per_s === 0 && lag === 0);
}

/** The topic that brings most of the work, and how many partitions it has. */
export function mainTopic(stage: StageLoad): { readonly topic: string; readonly partitions: number } {
  const topics = [...Map.groupBy(stage.partitions, ({ topic }) => topic)].map(([topic, own]) => ({
    topic,
    partitions: own.length,
    work: own.reduce((all, { arrivals_per_s, lag }) => all + arrivals_per_s + lag, 0),
  }));
  const [main] = topics.sort((one, other) => other.work - one.work);
  return { topic: main?.topic ?? "", partitions: main?.partitions ?? 0 };
}

/** What the busiest of its processes' event loops did, mean over those that have work. */
export function loopBusy(stage: StageLoad, observation: Pick<Observation, "settings">): number {
  const busy = busyMembers(stage, observation);
  return busy.length === 0 ? 0 : busy.reduce((all, { loop_busy }) => all + loop_busy, 0) / busy.length;
}

/** Beyond it a single-threaded process has no time left: what it waits for seems slow because it does not look. */
export const LOOP_FULL = 0.85;

/** Calls under way, over what is allowed now: the tighter of what was measured by gauges and by time. */
export function callsUtilisation({ calls, utilisation, in_flight_limit }: StageLoad): number {
  if (calls === undefined) return 0;
  const limit = callsLimit(calls);
  const in_flight = calls.endpoints.reduce((all, one) => all + one.in_flight, 0);
  // Of chat a job keeps its slot from before its call until its answer is kept: slots are used up before calls are.
  const slots = in_flight_limit <= calls.limit_max ? utilisation : 0;
  return limit === 0 ? 0 : Math.min(1, Math.max(slots, Math.max(in_flight, calls.in_flight) / limit));
}

/** A worker has `in_flight_max` calls under way in all, and at each endpoint what that one bears. */
export function callsLimit({ endpoints, limit_max }: CallLoad): number {
  return Math.min(
    limit_max,
    endpoints.reduce((all, one) => all + one.limit, 0),
  );
}

/** Calls are what bounds a tier. */
export const CALLS_FULL = 0.75;

/** Providers' limits that were learned from refusals and slowness, over what the settings allow; 1: nothing was learned. */
export function learnedLimit({ calls }: StageLoad): number {
  if (calls === undefined || calls.limit_max === 0) return 1;
  return callsLimit(calls) / calls.limit_max;
}

/** What would have to be done for the queue to be emptied in a minute, at the present arrivals. */
export function needed_per_s({ arrivals_per_s, lag }: StageLoad): number {
  return arrivals_per_s + lag / 60;
}

/** The endpoint that has fewer connections than calls may be under way, all in use. */
export function tightConnections(stage: StageLoad, observation: Pick<Observation, "settings">): string | undefined {
  const facts = observation.settings.tiers[stage.tier ?? ""];
  const { calls } = stage;
  if (facts === undefined || calls === undefined) return undefined;
  const workers = Math.max(1, alive(stage, observation).length);
  return facts.endpoints.find((endpoint) => {
    const most = facts.connections_max[endpoint] ?? Number.POSITIVE_INFINITY;
    const under_way = calls.endpoints.find(({ name }) => name === endpoint)?.in_flight ?? 0;
    return most < facts.in_flight_max && under_way >= most * workers * CALLS_FULL;
  });
}
