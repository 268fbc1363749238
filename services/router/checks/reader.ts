/** Follows the comparisons on `llm.shadow`: every router reads all of the last week, and comes to the same thresholds. */
import type { Kafka } from "kafkajs";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { readShadowEvent } from "../../../libs/shared/events/shadow-records.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";
import { type RetryContext, untilAvailable } from "../../../libs/shared/retry.ts";
import { CHECKS_AGE_MS, type Thresholds } from "./thresholds.ts";

export type ChecksReaderDeps = {
  readonly kafka: Kafka;
  /** `llm.shadow`. */
  readonly topic: string;
  readonly codec: EventCodec;
  readonly retry: RetryContext;
};

/** @returns a reader to be started and stopped; once `caught_up`, the thresholds know every check that still counts. */
export function checksReader({ kafka, topic, codec, retry }: ChecksReaderDeps, thresholds: Thresholds): TopicReader {
  return new TopicReader(kafka, {
    topic,
    from: { kind: "time", timestamp_ms: retry.clock.now_ms() - CHECKS_AGE_MS },
    until_end: false,
    async records(records) {
      for (const record of records) {
        const read = await untilAvailable(retry, topic, () => readShadowEvent(codec, record));
        if (read.kind === "event" && read.event.kind === "comparison") thresholds.add(read.event);
      }
    },
  });
}
