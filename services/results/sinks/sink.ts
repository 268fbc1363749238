/**
 * A further place for results, beside their topic and Postgres. Each has a consumer group of its own on `llm.results`, so that one which
 * is away holds up nobody else. A sink moves its group's offset itself, after what was read is durable and never before (I2).
 */
import type { ResultHead } from "../../../libs/shared/events/flow.ts";
import type { HandlerContext } from "../../../libs/shared/kafka/handler.ts";
import type { InRecord, TopicPartition } from "../../../libs/shared/kafka/ports.ts";

/** A result as its topic has it. */
export type SinkRecord = {
  readonly record: InRecord;
  /** Undefined where the filter leaves it out, or nobody can read it: its offset counts, and nothing else. */
  readonly result: { readonly head: ResultHead; readonly json: Buffer } | undefined;
};

export type ReadRecord = (record: InRecord) => Promise<SinkRecord>;

export interface Sink {
  /**
   * Records of one partition, in order, without a gap after the ones before; some may come again. May keep them for later. Throws
   * retryable errors alone: no result is to blame for a place that is away.
   */
  take(source: TopicPartition, records: readonly InRecord[], context: HandlerContext): Promise<void>;
  /** These partitions are another's now: what is kept of them is dropped. */
  lost(partitions: readonly TopicPartition[]): void;
  /** Makes durable what is kept, if that goes at once; takes nothing more. */
  close(): Promise<void>;
}
