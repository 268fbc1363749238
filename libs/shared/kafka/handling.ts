/** Gives records to the handler until each is done, a dead letter (I9), or given up because the engine stops. */
import { isRetryable } from "../errors.ts";
import type { Log } from "../log.ts";
import { asFailed } from "../tracing/failed-records.ts";
import { traceFields } from "../tracing/trace-context.ts";
import type { InRecord } from "./ports.ts";

export type HandlingOptions<T> = {
  /** Does what the records cause. */
  readonly handler: (records: readonly InRecord[]) => Promise<void>;
  /** Writes one dead letter for a record that no retry can help. */
  readonly deadLetter: (record: InRecord, error: unknown) => Promise<void>;
  /** False for what is another member's by now: it is passed over. */
  readonly isCurrent: (task: T) => boolean;
  /** Repeats what may pass, until the engine stops. */
  readonly retrying: (what: string, work: () => Promise<void>) => Promise<void>;
  readonly stopped: () => boolean;
  readonly log: Log;
};

export class Handling<T extends { readonly record: InRecord }> {
  readonly #options: HandlingOptions<T>;

  constructor(options: HandlingOptions<T>) {
    this.#options = options;
  }

  /**
   * Settles a batch of one or more. An error that no retry can help is narrowed down to its record, one by one.
   * @returns false when work was given up because the engine stops: the batch will be delivered again.
   */
  async settle(batch: readonly T[]): Promise<boolean> {
    const { handler, isCurrent, retrying } = this.#options;
    try {
      await retrying("handler", async () => {
        const current = batch.filter(isCurrent).map(({ record }) => record);
        if (current.length > 0) await handler(current);
      });
      return true;
    } catch (error) {
      if (isRetryable(error)) return false;
      if (batch.length > 1) return this.#settleSingly(batch);
      return this.#bury((batch[0] as T).record, error);
    }
  }

  async #settleSingly(batch: readonly T[]): Promise<boolean> {
    let settled = true;
    for (const task of batch) {
      if (await this.settle([task])) continue;
      settled = false;
      // Given up because the engine stops: a handler that moves the offset itself must not pass over this record (I2).
      if (this.#options.stopped()) break;
    }
    return settled;
  }

  async #bury(fetched: InRecord, error: unknown): Promise<boolean> {
    const { deadLetter, log, retrying } = this.#options;
    const record = asFailed(fetched);
    const { topic, partition, offset, headers } = record;
    const fields = { topic, partition, offset, ...traceFields(headers) };
    log.error({ ...fields, error }, "a record could not be handled and is a dead letter");
    try {
      await retrying("dead letter", () => deadLetter(record, error));
      return true;
    } catch (cause) {
      log.error({ ...fields, error: cause }, "the dead letter could not be written");
      return false;
    }
  }
}
