/** Inference: one job in, one outcome out. Called for one record at a time, many in flight, in order per key. */
import { type BackoffPolicy, backoff_ms } from "../../libs/shared/backoff.ts";
import { type Clock, sleep } from "../../libs/shared/clock.ts";
import type { EventCodec } from "../../libs/shared/events/codec.ts";
import { type DeadLetterWriter, deadLetter } from "../../libs/shared/events/dead-letters.ts";
import type { Timing } from "../../libs/shared/events/fields.ts";
import { type JobHead, jobHead } from "../../libs/shared/events/flow.ts";
import { readHop } from "../../libs/shared/events/hop.ts";
import { type Ending, outcomeRecord } from "../../libs/shared/events/outcomes.ts";
import type { TopicNames } from "../../libs/shared/events/topics.ts";
import type { Handler } from "../../libs/shared/kafka/consumption.ts";
import type { InRecord, OutRecord, Publisher } from "../../libs/shared/kafka/ports.ts";
import { callBody, judge, type PriceList, pathFor, type Verdict } from "./call.ts";
import type { ModelClient } from "./model-client.ts";

export type InferenceDeps = {
  readonly codec: EventCodec;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly random: () => number;
  readonly names: TopicNames;
  readonly dead_letters: DeadLetterWriter;
  readonly model: ModelClient;
  readonly prices: PriceList;
  readonly attempts_max: number;
  readonly retry: BackoffPolicy;
  readonly timeout_ms: number;
  /** Told of every call made, for metrics. */
  readonly called: (code: string, elapsed_ms: number) => void;
};

export function createInferenceHandler(deps: InferenceDeps): Handler {
  return async (records) => {
    const done = await Promise.all(records.map((record) => runJob(deps, record)));
    await deps.publisher.publish(done);
  };
}

async function runJob(deps: InferenceDeps, record: InRecord): Promise<OutRecord> {
  const hop = await readHop(deps.codec, record, "request", jobHead.parse);
  if (!hop.ok) return deadLetter(deps.dead_letters, record, hop.code, hop.message);
  const { head: job, carried } = hop;
  if (carried === undefined)
    return deadLetter(deps.dead_letters, record, "event_invalid", "the job carries no request");

  const timing: Timing = { ...job.timing };
  const { verdict, attempts } = await callModel(deps, job, carried, timing);
  timing.completed = deps.clock.now_ms();
  const route = { ...job.route, attempts };
  if (verdict.kind === "succeeded") {
    const ending: Ending = { status: "succeeded", route, usage: verdict.usage, timing };
    return outcomeRecord(deps, record, job, ending, verdict.response);
  }
  const status = verdict.error.code === "deadline_exceeded" ? "expired" : "failed";
  return outcomeRecord(deps, record, job, { status, route, error: verdict.error, timing });
}

/** Calls until it succeeds, the failure is final, or attempts or time run out. */
async function callModel(
  deps: InferenceDeps,
  job: JobHead,
  request: Buffer,
  timing: Timing,
): Promise<{ verdict: Verdict; attempts: number }> {
  const body = callBody(job, request);
  for (let attempt = 1; ; attempt += 1) {
    const left_ms = (job.deadline_ms ?? Number.POSITIVE_INFINITY) - deps.clock.now_ms();
    if (left_ms <= 0) return { verdict: expired(attempt === 1), attempts: attempt - 1 };
    const started_ms = deps.clock.now_ms();
    timing.dispatched ??= started_ms;
    const timeout_ms = Math.min(deps.timeout_ms, left_ms);
    const answer = await deps.model.call({ path: pathFor(job.kind), body, timeout_ms, id: job.id });
    const verdict = judge(job, answer, deps.prices);
    deps.called(verdict.kind === "failed" ? verdict.error.code : "succeeded", deps.clock.now_ms() - started_ms);
    if (verdict.kind === "succeeded" || !verdict.retryable || attempt >= deps.attempts_max) {
      return { verdict, attempts: attempt };
    }
    const backoff = backoff_ms(deps.retry, attempt - 1, deps.random());
    // A provider that says when to come back is believed, up to the longest wait that the settings allow.
    const asked_ms = Math.min(verdict.retry_after_ms ?? 0, deps.retry.cap_ms);
    await sleep(deps.clock, Math.max(backoff, asked_ms));
  }
}

function expired(unsent: boolean): Verdict {
  const message = unsent
    ? "the deadline passed before the model was called"
    : "the deadline passed between two attempts";
  const error = { code: "deadline_exceeded", type: "timeout_error", message, param: "deadline" };
  return { kind: "failed", error, retryable: false };
}
