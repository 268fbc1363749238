/** Which topics can be replayed, and what their records are. Pure. */
import { SluiceError } from "../../../libs/shared/errors.ts";
import { BATCH_SUFFIX, type TopicNames } from "../../../libs/shared/events/topics.ts";

export type TopicKind = "requests" | "admitted" | "job" | "outcome" | "result" | "dead_letter";

/** @returns undefined for topics that are no part of a request's way. */
export function kindOf(names: TopicNames, topic: string): TopicKind | undefined {
  const work = topic.endsWith(BATCH_SUFFIX) ? topic.slice(0, -BATCH_SUFFIX.length) : topic;
  if (work === names.requests) return "requests";
  if (work === names.admitted) return "admitted";
  if (isUnder(work, names.jobs(""))) return "job";
  if (topic === names.outcomes) return "outcome";
  if (topic === names.results || isUnder(topic, names.replay(""))) return "result";
  return topic === names.dlq ? "dead_letter" : undefined;
}

/** Where a dead letter comes from; requests that wait for another turn are requests. */
export function kindOfOrigin(names: TopicNames, topic: string): Exclude<TopicKind, "dead_letter"> | undefined {
  if (isReentry(names, topic)) return "requests";
  const kind = kindOf(names, topic);
  return kind === "dead_letter" ? undefined : kind;
}

/** Records there are requests whose own place stands in their header. */
export function isReentry(names: TopicNames, topic: string): boolean {
  return topic === names.deferred || isUnder(topic, names.retry(""));
}

/** @param tiers of the settings. @throws `usage`, with those that can be replayed. */
export function replayableKind(names: TopicNames, tiers: readonly string[], topic: string): TopicKind {
  const kind = kindOf(names, topic);
  if (kind !== undefined) return kind;
  const { requests, admitted, outcomes, results, dlq } = names;
  const work = [requests, admitted, ...tiers.map((tier) => names.jobs(tier))];
  const all = [...work.flatMap((one) => [one, names.batch(one)]), outcomes, results, dlq, names.replay("<id>")];
  throw new SluiceError("usage", `${topic} cannot be replayed`, { fix: `Name one of ${all.join(", ")}.` });
}

function isUnder(topic: string, prefix: string): boolean {
  return topic.length > prefix.length && topic.startsWith(prefix);
}
