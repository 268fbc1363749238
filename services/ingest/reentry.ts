/**
 * Re-entry: a record of `llm.retry.<delay>` waits here until it is due, then it is entered as at its first time. Waiting costs a
 * place in flight and no more: the engine bounds how many wait and holds the offset (I2, I6).
 */
import type { Clock } from "../../libs/shared/clock.ts";
import { dueOf } from "../../libs/shared/events/redelivery.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { InRecord } from "../../libs/shared/kafka/ports.ts";
import { until } from "./until.ts";

/** Records of one retry topic that wait at once in a process. */
export const REENTRY_IN_FLIGHT_MAX = 1_000;

/** How far the clocks of a writer and of this process may be apart. */
const SLACK_MS = 5_000;

export type ReentryDeps = {
  readonly clock: Clock;
  /** The topic's own delay. */
  readonly delay_ms: number;
  /** Ingest's handler, told that what comes was entered before. */
  readonly enter: Handler;
};

/** @throws a retryable `stopping` when the engine drains while it waits: the record is delivered again. */
export function createReentryHandler(deps: ReentryDeps): Handler {
  return async (records, context) => {
    const due_ms = Math.max(...records.map((record) => dueAt(record, deps.delay_ms)));
    await until(deps.clock, due_ms, context.stopping);
    // What went to another member meanwhile is entered there.
    const ours = records.filter((record) => context.isAssigned(record));
    if (ours.length > 0) await deps.enter(ours, context);
  };
}

/**
 * Epoch ms at which a record is entered. Without a due time that makes sense that is now (0); one that lies further ahead than the
 * topic's delay was not written by a service, and waits that long at the most.
 */
export function dueAt({ headers, timestamp_ms }: Pick<InRecord, "headers" | "timestamp_ms">, delay_ms: number): number {
  return Math.min(dueOf(headers) ?? 0, timestamp_ms + delay_ms + SLACK_MS);
}
