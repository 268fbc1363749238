/**
 * One job to its outcome, in this process: inference's handlers are called with it, and what they would publish decides what comes
 * next: the next tier's job, another round after its delay, or the end.
 */
import { type Clock, sleepUntil } from "../../../libs/shared/clock.ts";
import { SluiceError } from "../../../libs/shared/errors.ts";
import type { JobHead, OutcomeHead } from "../../../libs/shared/events/flow.ts";
import { outcomeHead } from "../../../libs/shared/events/flow.ts";
import { DUE_HEADER } from "../../../libs/shared/events/headers.ts";
import { readHop } from "../../../libs/shared/events/hop.ts";
import { dueOf } from "../../../libs/shared/events/redelivery.ts";
import { CARRIED_AT_HEADER, splice, unsplice } from "../../../libs/shared/events/splice.ts";
import type { TopicNames } from "../../../libs/shared/events/topics.ts";
import type { Handler } from "../../../libs/shared/kafka/handler.ts";
import type { InRecord, OutRecord, RecordHeaders } from "../../../libs/shared/kafka/ports.ts";
import { type CatchingPublisher, PLAIN_CODEC } from "./caught.ts";

export type JobDeps = {
  readonly clock: Clock;
  readonly names: TopicNames;
  readonly publisher: CatchingPublisher;
  /** @throws where there is no such tier: routing has checked that. */
  readonly handlerOf: (tier: string) => Handler;
};

export type JobOfReplay = {
  readonly head: JobHead;
  /** As the calls have it. */
  readonly request: Buffer;
  /** Of the record that is replayed. */
  readonly source: Pick<InRecord, "topic" | "partition" | "offset">;
  /** Trace context. */
  readonly headers: RecordHeaders;
};

export type JobOutcome = {
  readonly head: OutcomeHead;
  readonly response: Buffer | undefined;
  /** It would have been a dead letter too. */
  readonly dead_letter: boolean;
};

/** @throws what the handler throws, and a retryable error where it is stopped meanwhile. */
export async function runJob(deps: JobDeps, job: JobOfReplay, stopping: AbortSignal): Promise<JobOutcome> {
  const { names, clock, publisher } = deps;
  const key = job.head.id;
  let record = recordOf(job, clock.now_ms());
  let { tier } = job.head.route;
  for (;;) {
    const handler = deps.handlerOf(tier);
    const context = { isAssigned: () => true, stopping };
    const caught = await publisher.during(key, () => handler([record], context));
    const outcome = caught.find(({ topic }) => topic === names.outcomes);
    if (outcome !== undefined) return outcomeOf(outcome, record, caught.length > 1);
    const next = caught[0];
    const due_ms = dueOf(next?.headers ?? {});
    if (next === undefined || next.topic === names.dlq) {
      throw new SluiceError(
        "internal_error",
        `the run ${key} of a replay came to no end: its ledger says that it is done`,
      );
    }
    if (due_ms === undefined) {
      record = readAs(next, record);
      tier = tierOf(record);
    } else {
      await sleepUntil(clock, due_ms - clock.now_ms(), [stopping]);
      if (stopping.aborted)
        throw new SluiceError("stopping", "the replay stops before the next round", { retryable: true });
      record = nextRound(record, next);
    }
  }
}

function recordOf({ head, request, source, headers }: JobOfReplay, now_ms: number): InRecord {
  const { json, carried_at } = splice(head, "request", request);
  const { topic, partition, offset } = source;
  return {
    ...{ topic, partition, offset },
    key: Buffer.from(head.id),
    value: Buffer.concat(json),
    headers: { ...headers, [CARRIED_AT_HEADER]: String(carried_at) },
    timestamp_ms: now_ms,
  };
}

function readAs({ value, headers = {} }: OutRecord, before: InRecord): InRecord {
  return { ...before, value, headers };
}

/** The same job with what a retry topic's record says of its rounds. */
function nextRound(record: InRecord, { headers = {} }: OutRecord): InRecord {
  const { [DUE_HEADER]: _, ...of_retry } = headers;
  const carried = record.headers[CARRIED_AT_HEADER] ?? "";
  return { ...record, headers: { ...of_retry, [CARRIED_AT_HEADER]: carried } };
}

function tierOf({ value, headers }: InRecord): string {
  const { head } = unsplice<JobHead>(value ?? Buffer.alloc(0), "request", headers[CARRIED_AT_HEADER]);
  return head.route.tier;
}

async function outcomeOf(outcome: OutRecord, before: InRecord, dead_letter: boolean): Promise<JobOutcome> {
  const hop = await readHop(PLAIN_CODEC, readAs(outcome, before), "response", outcomeHead.parse);
  if (!hop.ok) throw new SluiceError("internal_error", `an outcome cannot be read: ${hop.message}`);
  return { head: hop.head, response: hop.carried, dead_letter };
}
