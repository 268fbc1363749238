/** What is wrong with sinks that no single field can tell. Pure. */
import { topicEvents, topicNames } from "../events/topics.ts";
import type { Settings } from "./schema.ts";
import { mayBecome } from "./sink-topics.ts";

/** Kafka's own and the schema registry's. */
const INTERNAL_TOPICS = ["__consumer_offsets", "__transaction_state", "_schemas"];

type Problem = { readonly path: readonly string[]; readonly message: string };
type KafkaSink = Extract<Settings["results"]["sinks"][string], { type: "kafka" }>;

export function sinkProblems(settings: Settings): Problem[] {
  return Object.entries(settings.results.sinks).flatMap(([name, sink]) => {
    if (sink.type !== "kafka") return [];
    const path = ["results", "sinks", name];
    return [...labelProblems(sink, path), ...topicProblems(settings, sink, [...path, "topic"])];
  });
}

function labelProblems({ topic, label }: KafkaSink, path: readonly string[]): Problem[] {
  const used = topic.includes("{label}");
  if (used && label === undefined) {
    return [{ path: [...path, "topic"], message: "has {label}: say in label which of the metadata that is" }];
  }
  return !used && label !== undefined
    ? [{ path: [...path, "label"], message: "is not in topic; add {label} there" }]
    : [];
}

function topicProblems(settings: Settings, { topic }: KafkaSink, path: readonly string[]): Problem[] {
  // Names have no dot, so that what is between two of them can be told from what is in them.
  if (/\}[^.]*\{/.test(topic)) return [{ path, message: "needs a dot between two of {tenant} and {label}" }];
  const taken = ownTopics(settings).find((own) => mayBecome(topic, own));
  return taken === undefined
    ? []
    : [{ path, message: `may become ${taken}, which is not for sinks; begin it otherwise` }];
}

function ownTopics({ topics: { prefix, retry_delays }, tiers }: Settings): string[] {
  const names = topicNames(prefix);
  const retries = retry_delays.map((delay) => names.retry(delay));
  const events = topicEvents(prefix, Object.keys(tiers)).keys();
  return [...events, ...retries, names.deferred, names.dlq, ...INTERNAL_TOPICS];
}
