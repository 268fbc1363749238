/** Records of a service's own input, as they are sent to it again: the same bytes, and a mark that says so. Pure. */
import { enteredAgain } from "../../../libs/shared/events/entered-again.ts";
import { REPLAY_HEADER } from "../../../libs/shared/events/headers.ts";
import { replayHeaderText } from "../../../libs/shared/events/replay.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { InRecord, OutRecord } from "../../../libs/shared/kafka/ports.ts";
import type { Stage } from "../../../libs/shared/replay/replay.ts";
import { linkHeader } from "../../../libs/shared/tracing/trace-context.ts";
import { kindOf, type TopicKind } from "../reading/topics.ts";

const READERS: Readonly<Partial<Record<TopicKind, Stage>>> = {
  requests: "ingest",
  admitted: "router",
  job: "inference",
  outcome: "results",
};

/** Whose input a topic is; undefined where it is no service's whose records can be sent again. */
export function stageOf(names: TopicNames, topic: string): Stage | undefined {
  const kind = kindOf(names, topic);
  return kind === undefined ? undefined : READERS[kind];
}

/**
 * Back to the partition that it stands on, behind it: what is told apart by its place has the earlier one to compare with. A request is
 * entered by way of a retry topic: there its id and its reservation are those of its first entry.
 * @param retry_topic of the shortest delay.
 */
export function sentAgain(replay: string, stage: Stage, retry_topic: string, source: InRecord): OutRecord {
  const { topic, partition, offset, key, value, headers } = source;
  const place = `${topic} ${partition} ${offset}`;
  const mark = { [REPLAY_HEADER]: replayHeaderText({ id: replay, mode: "stage", place }) };
  const marked = { ...headers, ...mark, ...linkHeader("replay", headers) };
  if (stage === "ingest") return enteredAgain(retry_topic, source, { key, value, headers: marked });
  return { topic, partition, key, value, headers: marked };
}
