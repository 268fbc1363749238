/** What a sink's group does with its records. */
import type { SinkSettings } from "../../../libs/shared/config/outputs.ts";
import type { EventCodec } from "../../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../../libs/shared/events/dead-letters.ts";
import { resultHead } from "../../../libs/shared/events/flow.ts";
import { readHop } from "../../../libs/shared/events/hop.ts";
import type { Handler } from "../../../libs/shared/kafka/handler.ts";
import { type InRecord, type Publisher, partitionId } from "../../../libs/shared/kafka/ports.ts";
import { takes } from "./filter.ts";
import type { ReadRecord, Sink } from "./sink.ts";

export type ReadingDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly dead_letters: DeadLetterWriter;
  readonly only: SinkSettings["only"];
};

/** What nobody can read becomes a dead letter, and is left out (I9). */
export function recordReader({ codec, publisher, dead_letters, only }: ReadingDeps): ReadRecord {
  return async (record) => {
    const hop = await readHop(codec, record, "response", resultHead.parse);
    if (!hop.ok) {
      await publisher.publish([deadLetter(dead_letters, record, hop.code, hop.message)]);
      return { record, result: undefined };
    }
    if (!takes(only, hop.head)) return { record, result: undefined };
    const decoded = await codec.decode(record);
    return { record, result: decoded.kind === "json" ? { head: hop.head, json: decoded.payload } : undefined };
  };
}

/** Partitions do not wait for one another; all are awaited, whatever becomes of one. */
export function sinkHandler(sink: Sink): Handler {
  return async (records, context) => {
    const partitions = [...Map.groupBy(records, partitionId).values()];
    const ended = await Promise.allSettled(
      partitions.map((of) => {
        const { topic, partition } = of[0] as InRecord;
        return sink.take({ topic, partition }, of, context);
      }),
    );
    const failed = ended.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
}
