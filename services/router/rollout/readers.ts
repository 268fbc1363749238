/** What rollouts are read from: their states on `llm.control`, and results for the figures of both sides. */
import type { Kafka } from "kafkajs";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { readControl } from "../../../libs/shared/events/control.ts";
import { type ResultHead, resultHead } from "../../../libs/shared/events/flow.ts";
import { readHop } from "../../../libs/shared/events/hop.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";
import { type RetryContext, untilAvailable } from "../../../libs/shared/retry.ts";
import type { RolloutBook } from "../../../libs/shared/rollout/rollout-book.ts";
import type { ResultsView } from "./controller.ts";

export type ReaderDeps = {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly codec: EventCodec;
  readonly retry: RetryContext;
};

/** @returns a reader to be started and stopped; once `caught_up`, the book has every rollout that `llm.control` still tells of. */
export function rolloutReader({ kafka, topic, codec, retry }: ReaderDeps, book: RolloutBook): TopicReader {
  return new TopicReader(kafka, {
    topic,
    from: { kind: "beginning" },
    until_end: false,
    async records(records) {
      for (const record of records) {
        // The registry may be needed for a stranger's schema and be away: no record is passed over for that.
        const event = await untilAvailable(retry, topic, () => readControl(codec, record));
        if (event?.kind === "rollout") book.apply(event, record.timestamp_ms);
      }
    },
  });
}

/** Follows `llm.results` from a time on: only the heads are looked at. */
export async function followResults(
  { kafka, topic, codec, retry }: ReaderDeps,
  from_ms: number,
  add: (result: ResultHead) => void,
): Promise<ResultsView> {
  const reader = new TopicReader(kafka, {
    topic,
    from: { kind: "time", timestamp_ms: from_ms },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const hop = await untilAvailable(retry, topic, () => readHop(codec, record, "response", resultHead.parse));
        if (hop.ok) add(hop.head);
      }
    },
  });
  try {
    await reader.start();
  } catch (error) {
    await reader.stop().catch(() => undefined);
    throw error;
  }
  return reader;
}
