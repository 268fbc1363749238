/** What a service gives to the consumption engine: the work itself. */
import type { InRecord, TopicPartition } from "./ports.ts";

export type HandlerContext = {
  /** False once the record's partition went to another member: its result would be another's to publish. */
  isAssigned(tp: TopicPartition): boolean;
  /**
   * Aborted when the engine drains. A handler that only waits then throws a retryable error: its work is given up unfinished and
   * delivered again. One that is in the middle of something ends it, within the drain's deadline.
   */
  readonly stopping: AbortSignal;
};

/** Does everything that the records cause and resolves when all of it is acknowledged. Must be safe to repeat. */
export type Handler = (records: readonly InRecord[], context: HandlerContext) => Promise<void>;
