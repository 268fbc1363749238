/**
 * Re-entry of `llm.deferred`: a record waits here until it is due and is then asked for again. Due times differ from record to record
 * and may lie far ahead, so none keeps its place for longer than a minute: what is due later goes to the end of the topic again, and
 * those behind it come forward. With `n` places, `n` records a minute are looked at, however many wait.
 */
import type { Clock } from "../../libs/shared/clock.ts";
import { DUE_HEADER } from "../../libs/shared/events/headers.ts";
import type { Handler, HandlerContext } from "../../libs/shared/kafka/handler.ts";
import type { InRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { dueAt } from "./reentry.ts";
import { until } from "./until.ts";

/** The longest that a record waits in one place. */
export const PLACE_MS = 60_000;

export type DeferredDeps = {
  readonly clock: Clock;
  readonly publisher: Publisher;
  /** `admission.deferred.wait_ms_max`: a due time that lies further ahead was not written by a service. */
  readonly wait_ms_max: number;
  /** Ingest's handler, told that what comes was entered before. */
  readonly enter: Handler;
  /** Told what became of a record that waited, for metrics. */
  readonly count: (fate: "entered" | "put_back", record: InRecord) => void;
};

/**
 * For single records, as many at once as may wait (`admission.deferred.waiting_max`).
 * @throws a retryable `stopping` when the engine drains while it waits: the record is delivered again.
 */
export function createDeferredHandler(deps: DeferredDeps): Handler {
  return async (records, context) => {
    for (const record of records) await waitAndEnter(deps, record, context);
  };
}

async function waitAndEnter(deps: DeferredDeps, record: InRecord, context: HandlerContext): Promise<void> {
  const { clock, publisher, enter, count } = deps;
  const due_ms = dueAt(record, deps.wait_ms_max);
  const leaves_ms = clock.now_ms() + PLACE_MS;
  await until(clock, Math.min(due_ms, leaves_ms), context.stopping);
  // What went to another member meanwhile waits there.
  if (!context.isAssigned(record)) return;
  if (due_ms <= leaves_ms) {
    await enter([record], context);
    count("entered", record);
    return;
  }
  const { topic, key, value, headers } = record;
  await publisher.publish([{ topic, key, value, headers: { ...headers, [DUE_HEADER]: String(due_ms) } }]);
  count("put_back", record);
}
