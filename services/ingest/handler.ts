/**
 * Ingest: a batch of records in; admitted requests, refusals, deferrals and dead letters out, all acknowledged before it resolves (I2).
 *
 * 1. Each record is read and judged by itself (`reading.ts`).
 * 2. One round trip asks the counters for all of them: who was seen, what has room (`reserving.ts`, I4).
 * 3. What follows is published together (`consequences.ts`).
 */
import { passed } from "../../libs/shared/events/trail.ts";
import type { Handler } from "../../libs/shared/kafka/handler.ts";
import type { Tell } from "../../libs/shared/redis/request-events.ts";
import type { Tracing } from "../../libs/shared/tracing/tracing.ts";
import { type Consequence, type ConsequenceDeps, consequenceOf, type DeferredView, type Fate } from "./consequences.ts";
import { type Judged, type ReadingDeps, readRecord, type Unreadable } from "./reading.ts";
import { type ReservingDeps, reserve } from "./reserving.ts";

export type IngestDeps = ReadingDeps &
  ReservingDeps &
  ConsequenceDeps & {
    /** Of requests that somebody may follow; best effort. Left out: nobody is told. */
    readonly tell?: Tell;
    /** Writes the views of deferred requests; best effort. */
    readonly onDeferred: (views: readonly DeferredView[]) => Promise<void>;
    /** Told what became of each record, for metrics. */
    readonly count: (fate: Fate) => void;
    /** Told of each request that a budget left the weakest tier alone, for metrics. */
    readonly onLowered: () => void;
    /** Whose spans are told what became of their requests. */
    readonly tracing?: Tracing;
  };

export function createIngestHandler(deps: IngestDeps): Handler {
  return async (fetched) => {
    const now_ms = deps.clock.now_ms();
    const records = fetched.map((record) => passed(record, now_ms, !deps.reentry));
    const read = await Promise.all(records.map((record) => readRecord(deps, record)));
    const judged = read.filter((one): one is Judged => "admission" in one);
    const answers = await reserve(deps, judged);
    const answerOf = new Map(judged.map((one, index) => [one, answers[index]]));
    const consequences = read.map((one) => consequenceOf(deps, one, answerOf.get(one as Judged)));
    const told = consequences.flatMap((one) => one.told ?? []);
    if (told.length > 0) await deps.tell?.(told);
    await deps.publisher.publish(consequences.flatMap((one) => one.records));
    const ends = consequences.flatMap((one) => one.ends ?? []);
    if (ends.length > 0) await deps.publisher.publish(ends);
    const deferred = consequences.flatMap((one) => one.deferred ?? []);
    if (deferred.length > 0) await deps.onDeferred(deferred);
    if (deps.tracing !== undefined) noteFates(deps.tracing, read, consequences);
    for (const { fate, lowered } of consequences) {
      deps.count(fate);
      if (lowered === true) deps.onLowered();
    }
  };
}

function noteFates(
  tracing: Tracing,
  read: readonly (Judged | Unreadable)[],
  consequences: readonly Consequence[],
): void {
  for (const [at, one] of read.entries()) {
    const { identity } = "admission" in one ? one.admission : {};
    tracing.spanOf(one.record.headers)?.set({
      "sluice.request.id": identity?.id,
      "sluice.tenant": identity?.tenant,
      "sluice.outcome": consequences[at]?.fate,
    });
  }
}
