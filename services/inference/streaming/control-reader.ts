/** Follows `llm.control`: each instance reads all of it, from as far back as cancels are remembered, so that a restart forgets none. */
import type { Kafka } from "kafkajs";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { readControl } from "../../../libs/shared/events/control.ts";
import { TopicReader } from "../../../libs/shared/kafka/reader.ts";
import { type RetryContext, untilAvailable } from "../../../libs/shared/retry.ts";
import { CANCELLATION_LIMITS, type Cancellations } from "./cancellations.ts";

export type ControlReaderDeps = {
  readonly kafka: Kafka;
  readonly topic: string;
  readonly codec: EventCodec;
  readonly cancellations: Cancellations;
  readonly retry: RetryContext;
};

/** @returns a reader to be started and stopped; once `caught_up`, every cancel of the last hour is known. */
export function controlReader({ kafka, topic, codec, cancellations, retry }: ControlReaderDeps): TopicReader {
  return new TopicReader(kafka, {
    topic,
    from: { kind: "time", timestamp_ms: retry.clock.now_ms() - CANCELLATION_LIMITS.ttl_ms },
    until_end: false,
    async records(records) {
      for (const record of records) {
        // The registry may be needed for a stranger's schema and be away: no record is passed over for that.
        const event = await untilAvailable(retry, topic, () => readControl(codec, record));
        if (event?.kind === "cancel") cancellations.apply(event);
      }
    },
  });
}
